package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/** One factor in the coordinates of the other, its basis: the gradient that was read last, and the history. */
final class FactorState implements AutoCloseable {
    private final LoftConfig config;
    private final FactorUpdate update;
    private @Nullable Tensor scaledGrad;

    FactorState(LoftConfig config, FactorUpdate update) {
        this.config = config;
        this.update = update;
    }

    /**
     * Block 2: {@code g̃ = (1/s)·S⁻¹·g}, so that g̃ᵀ times the basis is the projection of the full gradient. Formed in float64,
     * since S⁻¹ may be large. Without the block {@code g̃ = (1/s)·g}; what is returned stays the same. g̃ is written over g.
     *
     * @return {@code ‖G·P‖²_F = tr((g̃·g̃ᵀ)·S)}, block 6
     */
    Tensor scale(Tensor grad, Basis basis, double scale) {
        Tensor exact = basis.inverse().mm(grad.to(ScalarType.Double)).mul_(new Scalar(1 / scale));
        dropScaledGrad();
        Tensor scaled = config.has(LoftBlock.GRADIENT_SCALING) ? exact : grad.mul(new Scalar(1 / scale));
        scaledGrad = NativeScope.keep(rowsIn(grad).copy_(scaled));
        return exact.mm(exact.t()).mul_(basis.gram()).sum();
    }

    /** The memory of a matrix or of its transpose, row by row in the matrix's own shape. */
    private static Tensor rowsIn(Tensor matrix) {
        Tensor memory = matrix.is_contiguous() ? matrix : matrix.t();
        return memory.is_contiguous() ? memory.view(matrix.sizes()) : torch.empty_like(matrix);
    }

    /** Blocks 3 and 4: carries the history over, {@code m ← C·m} and {@code P[i] ← C·P[i]·Cᵀ}. */
    void transport(Tensor c, long t) {
        update.transport(c, t);
    }

    /**
     * The history takes in g̃, multiplied by the clipping coefficient; returns the momentum that a step is made of.
     *
     * @param resting the factor, if it rests after it has moved
     */
    Tensor accumulate(double gradScale, @Nullable Resting resting, long t) {
        Tensor g = scaledGrad().mul_(new Scalar(gradScale));
        if (resting != null) {
            update.rest(g, resting, t);
        }
        Tensor momentum = update.accumulate(g, t);
        dropScaledGrad();
        return momentum;
    }

    Tensor direction(Tensor momentum, Tensor k, Basis basis, long t) {
        return update.direction(momentum, k, basis, t);
    }

    double epsShare(Tensor k, long t) {
        return update.epsShare(k, t);
    }

    /** g̃ of the gradient that was read last, {@code (r, length)}. */
    Tensor scaledGrad() {
        if (scaledGrad == null) {
            throw new IllegalStateException("squaredGradNorm must be called before step");
        }
        return scaledGrad;
    }

    void addState(String prefix, Map<String, Tensor> all) {
        update.addState(prefix, all);
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
        update.close();
    }
}
