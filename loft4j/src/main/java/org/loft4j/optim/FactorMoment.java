package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/**
 * The second moment of LoFT-simple: elementwise, of the scaled gradient in factor space, as AdamW's. It takes LoRA's memory
 * and is not carried over when the basis moves.
 */
final class FactorMoment implements SecondMoment {
    private final LoftConfig config;
    private final Tensor v;

    FactorMoment(LoftConfig config, Tensor like) {
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            v = NativeScope.keep(torch.zeros(new long[] {like.size(0), like.size(1)}, like.options()));
        }
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".exp_avg_sq", v);
    }

    @Override
    public void transport(Tensor c, long t) {
        // an elementwise second moment has no cross terms to carry over
    }

    @Override
    public void accumulate(Tensor scaledGrad, long t) {
        v.mul_(new Scalar(config.beta2())).addcmul_(scaledGrad, scaledGrad, new Scalar(1 - config.beta2()));
    }

    @Override
    public Tensor direction(Tensor m, Tensor k, Basis basis, long t) {
        return quotient(config, m, v, t);
    }

    /** {@code (m/c₁) ⊘ (√(v/c₂) + ε)} with {@code c = 1 − βᵗ}, entry by entry. */
    static Tensor quotient(LoftConfig config, Tensor m, Tensor v, long t) {
        double c1 = 1 - Math.pow(config.beta1(), t);
        double c2 = 1 - Math.pow(config.beta2(), t);
        Tensor root = v.div(new Scalar(c2)).sqrt_().add_(new Scalar(config.eps()));
        return m.div(new Scalar(c1)).div_(root);
    }

    @Override
    public double epsShare(Tensor m, Tensor basis, long t) {
        return SecondMoment.epsShare(config, m, v, t);
    }

    @Override
    public void close() {
        v.close();
    }
}
