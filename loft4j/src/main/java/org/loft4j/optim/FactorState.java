package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/** The history of one factor in the coordinates of the other, its basis. */
final class FactorState implements AutoCloseable {
    private final LoftConfig config;
    private final Tensor m;
    private final SecondMoment second;
    private @Nullable Tensor scaledGrad;

    FactorState(Tensor wide, LoftConfig config) {
        this.config = config;
        this.second = SecondMoment.of(config, wide);
        try (NativeScope scope = new NativeScope()) {
            m = NativeScope.keep(torch.zeros(new long[] {wide.size(0), wide.size(1)}, wide.options()));
        }
    }

    /**
     * Block 2: {@code g̃ = (1/s)·S⁻¹·g}, so that g̃ᵀ times the basis is the projection of the full gradient. Formed in float64,
     * since S⁻¹ may be large. Without the block {@code g̃ = (1/s)·g}; what is returned stays the same.
     *
     * @return {@code ‖G·P‖²_F = tr((g̃·g̃ᵀ)·S)}, block 6
     */
    Tensor scale(Tensor grad, Basis basis, double scale) {
        Tensor exact = basis.inverse().mm(grad.to(ScalarType.Double)).mul_(new Scalar(1 / scale));
        dropScaledGrad();
        boolean scaled = config.has(LoftBlock.GRADIENT_SCALING);
        scaledGrad = NativeScope.keep(scaled ? exact.to(grad.scalar_type()) : grad.mul(new Scalar(1 / scale)));
        return exact.mm(exact.t()).mul_(basis.gram()).sum();
    }

    /** Blocks 3 and 4: carries the history over, {@code m ← C·m} and {@code P[i] ← C·P[i]·Cᵀ}. */
    void transport(Tensor c) {
        if (config.has(LoftBlock.FIRST_MOMENT)) {
            m.copy_(c.to(m.scalar_type()).mm(m));
        }
        if (config.has(LoftBlock.SECOND_MOMENT)) {
            second.transport(c);
        }
    }

    /** {@code m ← β₁·m + (1 − β₁)·g̃}, and the second moment likewise. */
    void accumulate(double gradScale) {
        if (scaledGrad == null) {
            throw new IllegalStateException("squaredGradNorm must be called before step");
        }
        Tensor g = scaledGrad.mul_(new Scalar(gradScale));
        m.mul_(new Scalar(config.beta1())).add_(g, new Scalar(1 - config.beta1()));
        second.accumulate(g);
        dropScaledGrad();
    }

    Tensor direction(Tensor basis, Tensor basisInverse, long t) {
        return second.direction(m, basis, basisInverse.to(m.scalar_type()), t);
    }

    Tensor firstMoment() {
        return m;
    }

    Tensor secondMoment() {
        return second.state();
    }

    private void dropScaledGrad() {
        if (scaledGrad != null) {
            scaledGrad.close();
            scaledGrad = null;
        }
    }

    @Override
    public void close() {
        dropScaledGrad();
        m.close();
        second.close();
    }
}
