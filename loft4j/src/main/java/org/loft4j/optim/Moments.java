package org.loft4j.optim;

import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** AdamW's two moments of one tensor, and the quotient that it makes of them. */
final class Moments implements AutoCloseable {
    private final AdamWConfig config;
    private final Tensor m;
    private final Tensor v;

    /** Zero, in the shape and on the device of a tensor, and in its dtype; of one in float16, whose range squares would leave, bfloat16. */
    Moments(Tensor like, AdamWConfig config) {
        this(Shapes.of(like), like, config);
    }

    /** Zero, in a shape of their own. */
    Moments(long[] shape, Tensor like, AdamWConfig config) {
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            Dtype dtype = Dtype.of(like) == Dtype.F16 ? Dtype.BF16 : Dtype.of(like);
            m = NativeScope.keep(torch.zeros(shape, Tensors.options(dtype, DeviceSpec.of(like))));
            v = NativeScope.keep(torch.zeros_like(m));
        }
    }

    private Moments(AdamWConfig config, Tensor m, Tensor v) {
        this.config = config;
        this.m = m;
        this.v = v;
    }

    /** Of some elements: views, which belong to the open scope. */
    Moments some(UnaryOperator<Tensor> elements) {
        return new Moments(config, elements.apply(m), elements.apply(v));
    }

    /** {@code m ← β₁·m + (1 − β₁)·g}, {@code v ← β₂·v + (1 − β₂)·g²}. */
    void accumulate(Tensor g) {
        m.mul_(new Scalar(config.beta1())).add_(g, new Scalar(1 - config.beta1()));
        v.mul_(new Scalar(config.beta2())).addcmul_(g, g, new Scalar(1 - config.beta2()));
    }

    /** {@code √v / √(1 − β₂ᵗ) + ε}. */
    private Tensor root(long t) {
        double secondBiasRoot = Math.sqrt(1 - Math.pow(config.beta2(), t));
        return v.sqrt().div_(new Scalar(secondBiasRoot)).add_(new Scalar(config.eps()));
    }

    private double firstBias(long t) {
        return 1 - Math.pow(config.beta1(), t);
    }

    /** {@code m/(1 − β₁ᵗ) ⊘ (√v / √(1 − β₂ᵗ) + ε)}. */
    Tensor quotient(long t) {
        return m.div(root(t)).div_(new Scalar(firstBias(t)));
    }

    /**
     * One step of AdamW: {@code p ← (1 − η·λ)·p}, then the moments take in {@code gradScale·g}, then
     * {@code p ← p − η·quotient}; piece by piece, since each element goes its own way. Half types are computed with in float32.
     */
    void step(Tensor p, Tensor g, double gradScale, long t, double learningRate) {
        Tiles.of(p).elements(List.of(p, g, m, v), pieces -> {
            boolean half = DitheredHalf.holds(p);
            List<Tensor> exact = half
                    ? pieces.stream().map(piece -> piece.to(ScalarType.Float)).toList()
                    : pieces;
            Tensor gradient = exact.get(1);
            new Moments(config, exact.get(2), exact.get(3))
                    .step(
                            exact.get(0),
                            gradScale == 1 ? gradient : gradient.mul(new Scalar(gradScale)),
                            t,
                            learningRate);
            if (half) {
                for (int kept : new int[] {0, 2, 3}) {
                    DitheredHalf.write(pieces.get(kept), exact.get(kept), t);
                }
            }
        });
    }

    private void step(Tensor p, Tensor g, long t, double learningRate) {
        if (config.weightDecay() != 0) {
            p.mul_(new Scalar(1 - learningRate * config.weightDecay()));
        }
        accumulate(g);
        p.addcdiv_(m, root(t), new Scalar(-learningRate / firstBias(t)));
    }

    /** Adds both under the name of their tensor. */
    void addState(String name, Map<String, Tensor> all) {
        all.put(name + ".exp_avg", m);
        all.put(name + ".exp_avg_sq", v);
    }

    @Override
    public void close() {
        m.close();
        v.close();
    }
}
