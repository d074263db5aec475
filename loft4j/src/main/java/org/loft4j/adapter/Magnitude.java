package org.loft4j.adapter;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * The trained length of each row of a weight that DoRA decomposes (Liu et al. 2024, arXiv:2402.09353, eq. 5):
 *
 * <pre>  W' = m ⊙ V / ‖V‖,   V = W0 + scale·B·A</pre>
 *
 * with {@code m: (out)} and the norm of each row of V, over the inputs. The norm counts as a constant in the gradient
 * (section 4.3), as in PEFT. A row of norm zero, of which the paper says nothing, stays zero.
 */
final class Magnitude implements AutoCloseable {
    private final Tensor vector;
    private final RowNorms norms;

    /**
     * @param vector m, a leaf owned by the adapter
     * @param norms of V, closed with this object
     */
    Magnitude(Tensor vector, RowNorms norms) {
        this.vector = vector;
        this.norms = norms;
    }

    /** m of a new adapter: the norms of the rows of the weight, with which W' is W0 to the last bit where B is zero. */
    static Tensor initial(WeightMatrix weight, Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return scope.toEnclosing(RowNorms.squares(weight).sqrt().to(dtype.scalarType()));
        }
    }

    Tensor vector() {
        return vector;
    }

    /**
     * By how much V must grow, {@code m / ‖V‖ − 1} of shape {@code (out)}: near zero, so that it can be rounded to half
     * precision without loss of what was learnt.
     */
    Tensor excess() {
        Tensor norm = norms.get().to(Dtype.F64.scalarType()).clamp_min(new Scalar((double) Float.MIN_NORMAL));
        Tensor excess = vector.to(Dtype.F64.scalarType()).div(norm).sub(new Scalar(1.0));
        return excess.to(vector.scalar_type());
    }

    /** {@code m / ‖V‖ ⊙ v} of {@code v = x·Vᵀ}, {@code (rows, out)}, in its memory. */
    Tensor stretched(Tensor v) {
        return Stretch.of(v, excess());
    }

    /** Computes the norms, if anything has changed since. */
    void renew() {
        norms.get();
    }

    @Override
    public void close() {
        norms.close();
    }

    @Override
    public String toString() {
        return "magnitude " + Shapes.text(Shapes.of(vector));
    }
}
