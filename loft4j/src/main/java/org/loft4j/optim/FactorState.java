package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/** The history of one factor in the coordinates of the other, its basis. */
final class FactorState implements AutoCloseable {
    private final Tensor m;
    private final SecondMoment second;
    private @Nullable Tensor scaledGrad;

    FactorState(Tensor wide, SecondMoment second) {
        this.second = second;
        try (NativeScope scope = new NativeScope()) {
            m = NativeScope.keep(torch.zeros(new long[] {wide.size(0), wide.size(1)}, wide.options()));
        }
    }

    /**
     * Block 2: {@code g̃ = (1/s)·S⁻¹·g}, so that g̃ᵀ times the basis is the projection of the full gradient. Formed in float64,
     * since S⁻¹ may be large.
     *
     * @return {@code ‖G·P‖²_F = tr((g̃·g̃ᵀ)·S)}, block 6
     */
    Tensor scale(Tensor grad, Basis basis, double scale) {
        Tensor exact = basis.inverse().mm(grad.to(ScalarType.Double)).mul_(new Scalar(1 / scale));
        dropScaledGrad();
        scaledGrad = NativeScope.keep(exact.to(grad.scalar_type()));
        return exact.mm(exact.t()).mul_(basis.gram()).sum();
    }

    /** Blocks 3 and 4: carries the history over, {@code m ← C·m} and {@code P[i] ← C·P[i]·Cᵀ}. */
    void transport(Tensor c) {
        m.copy_(c.to(m.scalar_type()).mm(m));
        second.transport(c);
    }

    /** {@code m ← β₁·m + (1 − β₁)·g̃}, and the second moment likewise. */
    void accumulate(double beta1, double gradScale) {
        if (scaledGrad == null) {
            throw new IllegalStateException("squaredGradNorm must be called before step");
        }
        Tensor g = scaledGrad.mul_(new Scalar(gradScale));
        m.mul_(new Scalar(beta1)).add_(g, new Scalar(1 - beta1));
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
