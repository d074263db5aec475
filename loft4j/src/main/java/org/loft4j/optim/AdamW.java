package org.loft4j.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), in the order of operations of
 * libtorch's own:
 *
 * <pre>
 * p ← (1 − η·λ)·p
 * m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
 * p ← p − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 * </pre>
 */
public final class AdamW implements Optimizer {
    /** A parameter with its moments. */
    private record Slot(NamedParameter parameter, Tensor m, Tensor v) {}

    private final AdamWConfig config;
    private final List<Slot> slots = new ArrayList<>();
    private final StepCounter steps = new StepCounter();

    public AdamW(List<NamedParameter> parameters, AdamWConfig config) {
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            for (NamedParameter parameter : parameters) {
                Tensor detached = parameter.tensor().detach();
                slots.add(new Slot(
                        parameter,
                        NativeScope.keep(torch.zeros_like(detached)),
                        NativeScope.keep(torch.zeros_like(detached))));
            }
        }
    }

    @Override
    public double squaredGradNorm() {
        try (NativeScope scope = new NativeScope()) {
            NormSum sum = new NormSum();
            slots.forEach(slot -> sum.add(gradOf(slot).square().sum()));
            return sum.value();
        }
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        double firstBias = 1 - Math.pow(config.beta1(), t);
        double secondBiasRoot = Math.sqrt(1 - Math.pow(config.beta2(), t));
        for (Slot slot : slots) {
            try (NativeScope scope = new NativeScope()) {
                Tensor p = slot.parameter.tensor().detach();
                Tensor g = gradScale == 1 ? gradOf(slot) : gradOf(slot).mul(new Scalar(gradScale));
                p.mul_(new Scalar(1 - learningRate * config.weightDecay()));
                slot.m.mul_(new Scalar(config.beta1())).add_(g, new Scalar(1 - config.beta1()));
                slot.v.mul_(new Scalar(config.beta2())).addcmul_(g, g, new Scalar(1 - config.beta2()));
                Tensor root = slot.v.sqrt().div_(new Scalar(secondBiasRoot)).add_(new Scalar(config.eps()));
                p.addcdiv_(slot.m, root, new Scalar(-learningRate / firstBias));
            }
        }
    }

    @Override
    public void zeroGrad() {
        slots.forEach(slot -> Gradients.drop(slot.parameter.tensor()));
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        for (Slot slot : slots) {
            state.put(slot.parameter.name() + ".exp_avg", slot.m);
            state.put(slot.parameter.name() + ".exp_avg_sq", slot.v);
        }
        state.put("step", steps.tensor());
        return state;
    }

    @Override
    public void loadState(Map<String, Tensor> state) {
        SavedState.copyInto(state(), state);
    }

    private static Tensor gradOf(Slot slot) {
        Tensor grad = slot.parameter.tensor().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    slot.parameter.name() + " has no gradient: run backward before the optimizer's step");
        }
        return grad;
    }

    @Override
    public void close() {
        for (Slot slot : slots) {
            slot.m.close();
            slot.v.close();
        }
        slots.clear();
        steps.close();
    }
}
