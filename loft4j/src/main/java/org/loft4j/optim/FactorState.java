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

    FactorState(Tensor tall, SecondMoment second) {
        this.second = second;
        try (NativeScope scope = new NativeScope()) {
            m = NativeScope.keep(torch.zeros(new long[] {tall.size(0), tall.size(1)}, tall.options()));
        }
    }

    /**
     * Block 2: {@code g̃ = (1/s)·g·S⁻¹}, so that g̃ times the basis is the projection of the full gradient. Formed in float64,
     * since S⁻¹ may be large.
     *
     * @return {@code ‖G·P‖²_F = tr((g̃ᵀ·g̃)·S)}, block 6
     */
    Tensor scale(Tensor grad, Basis basis, double scale) {
        Tensor exact = grad.to(ScalarType.Double).mm(basis.inverse()).mul_(new Scalar(1 / scale));
        dropScaledGrad();
        scaledGrad = NativeScope.keep(exact.to(grad.scalar_type()));
        return exact.t().mm(exact).mul_(basis.gram()).sum();
    }

    /** Blocks 3 and 4: carries the history over, {@code m ← m·C} and {@code P[i] ← Cᵀ·P[i]·C}. */
    void transport(Tensor c) {
        m.copy_(m.mm(c.to(m.scalar_type())));
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
