package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * What one factor is to the other: the basis in which the other's coordinates are taken. Holds the Gram matrix
 * {@code S = F·Fᵀ} and its inverse, float64 whatever the dtype of the factor, renewed only when the factor is written.
 */
final class Basis implements AutoCloseable {
    private final Factor factor;
    private final Damping damping;
    private Tensor gram;
    private Tensor inverse;

    Basis(LowRankPair pair, Factor factor, Damping damping) {
        this.factor = factor;
        this.damping = damping;
        try (NativeScope scope = new NativeScope()) {
            Tensor gram = gramOf(factor.wide(pair));
            this.gram = NativeScope.keep(gram);
            this.inverse = NativeScope.keep(inverseOf(gram));
        }
    }

    /** Takes the factor's present values. */
    void renew(LowRankPair pair) {
        try (NativeScope scope = new NativeScope()) {
            Tensor newGram = NativeScope.keep(gramOf(factor.wide(pair)));
            Tensor newInverse = NativeScope.keep(inverseOf(newGram));
            close();
            gram = newGram;
            inverse = newInverse;
        }
    }

    /** {@code S}, float64 {@code (r, r)}. */
    Tensor gram() {
        return gram;
    }

    /** {@code S⁻¹}, float64 {@code (r, r)}. */
    Tensor inverse() {
        return inverse;
    }

    private static Tensor gramOf(Tensor wide) {
        Tensor exact = wide.to(ScalarType.Double);
        return exact.mm(exact.t());
    }

    private Tensor inverseOf(Tensor gram) {
        T_TensorTensor_T eigh = torch.linalg_eigh(gram);
        Tensor values = eigh.get0().clamp_min(new Scalar(0.0));
        Tensor vectors = eigh.get1();
        return vectors.mul(damping.invert(values, factor)).mm(vectors.t());
    }

    @Override
    public void close() {
        gram.close();
        inverse.close();
    }
}
