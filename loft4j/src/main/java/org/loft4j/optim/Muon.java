package org.loft4j.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.ConfigException;
import org.loft4j.tensor.NativeScope;

/**
 * Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose singular values are all set to one, with
 * Nesterov's look ahead, and the factor that gives the step the size of AdamW's (Liu et al., "Muon is Scalable for LLM
 * Training", arXiv 2502.16982, section 2.2), so that AdamW's learning rates and decay serve:
 *
 * <pre>
 * m ← μ·m + (1 − μ)·g        u = μ·m + (1 − μ)·g
 * W ← (1 − η·λ)·W
 * W ← W − η·0.2·√max(rows, columns)·polar(u),    polar(U·Σ·Vᵀ) = U·Vᵀ
 * </pre>
 *
 * <p>The polar factor is exact, by singular values in float64, where Muon is known for an approximation by five matrix
 * polynomials: this is the yardstick of LoFT-Muon, and slow on large matrices.
 */
public final class Muon implements Optimizer {
    /** Singular values below this share of the largest count as zero. */
    private static final double TOLERANCE = 1e-6;

    /** A matrix with its momentum. */
    private record Slot(NamedParameter parameter, Tensor m) {}

    private final MuonConfig config;
    private final List<Slot> slots = new ArrayList<>();
    private final StepCounter steps = new StepCounter();

    /** @throws ConfigException if a parameter is not a matrix */
    public Muon(List<NamedParameter> matrices, MuonConfig config) {
        this.config = config;
        for (NamedParameter matrix : matrices) {
            if (matrix.tensor().dim() != 2) {
                throw new ConfigException("muon moves matrices only, and " + matrix.name() + " has "
                        + matrix.tensor().dim() + " dimensions: give it to AdamW");
            }
        }
        try (NativeScope scope = new NativeScope()) {
            for (NamedParameter matrix : matrices) {
                slots.add(new Slot(
                        matrix,
                        NativeScope.keep(torch.zeros_like(matrix.tensor().detach()))));
            }
        }
    }

    /** {@code 0.2·√max(rows, columns)}: a full-rank polar factor times this has the root mean square 0.2, as AdamW's steps. */
    static double shapeFactor(long rows, long columns) {
        return 0.2 * Math.sqrt(Math.max(rows, columns));
    }

    @Override
    public double squaredGradNorm() {
        try (NativeScope scope = new NativeScope()) {
            NormSum sum = new NormSum();
            slots.forEach(slot -> Gradients.addSquaredNorm(Gradients.of(slot.parameter), sum));
            return sum.value();
        }
    }

    @Override
    public void step(double learningRate, double gradScale) {
        steps.next();
        double mu = config.momentum();
        for (Slot slot : slots) {
            try (NativeScope scope = new NativeScope()) {
                Tensor w = slot.parameter.tensor().detach();
                Tensor g = Gradients.of(slot.parameter).mul(new Scalar(gradScale));
                slot.m.mul_(new Scalar(mu)).add_(g, new Scalar(1 - mu));
                Tensor u = slot.m.mul(new Scalar(mu)).add_(g, new Scalar(1 - mu));
                Tensor step = polar(u).mul_(new Scalar(learningRate * shapeFactor(w.size(0), w.size(1))));
                w.mul_(new Scalar(1 - learningRate * config.weightDecay())).sub_(step);
            }
        }
    }

    private static Tensor polar(Tensor x) {
        T_TensorTensorTensor_T svd = torch.linalg_svd(x.to(ScalarType.Double), false, new StringViewOptional());
        Tensor values = svd.get1();
        Tensor floor = values.select(0, 0).mul(new Scalar(TOLERANCE));
        Tensor kept = values.gt(floor).to(values.scalar_type());
        return svd.get0().mul(kept).mm(svd.get2()).to(x.scalar_type());
    }

    @Override
    public void zeroGrad() {
        slots.forEach(slot -> Gradients.drop(slot.parameter.tensor()));
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        slots.forEach(slot -> state.put(slot.parameter.name() + ".momentum_buffer", slot.m));
        state.put("step", steps.tensor());
        return state;
    }

    @Override
    public void loadState(Map<String, Tensor> state) {
        SavedState.copyInto(state(), state);
    }

    @Override
    public void close() {
        slots.forEach(slot -> slot.m.close());
        slots.clear();
        steps.close();
    }
}
