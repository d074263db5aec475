package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * What one factor is to the other: the basis in which the other's coordinates are taken. Holds the Gram matrix
 * {@code S = F·Fᵀ} and its inverse, float64 whatever the dtype of the factor. Once the factor has been written they are made anew
 * when one is asked for: in the optimizer's next look at the gradients, pair after pair, and not behind the tiles of block 5, which
 * leave nothing of this code in the processor's caches.
 */
final class Basis implements AutoCloseable {
    /** Eigenvalues below this share of the largest count as zero where a rank is asked for. */
    private static final double RANK_TOLERANCE = 1e-12;

    private final LowRankPair pair;
    private final Factor factor;
    private final Damping damping;
    private final Tensor gram;
    private final Tensor inverse;
    private boolean stale = true;
    private boolean written;

    Basis(LowRankPair pair, Factor factor, Damping damping) {
        this.pair = pair;
        this.factor = factor;
        this.damping = damping;
        try (NativeScope scope = new NativeScope()) {
            // nothing is computed yet: what stays lies side by side, and not among what is made on the way
            gram = NativeScope.keep(zeros(pair));
            inverse = NativeScope.keep(zeros(pair));
        }
    }

    /** The factor has been written. */
    void renew() {
        stale = true;
        written = true;
    }

    /** The factor has been loaded; what was before is not known. */
    void reload() {
        stale = true;
        written = false;
    }

    /**
     * Takes the factor's present values if they are new. They go into the same memory: small tensors that stay, made anew in each
     * step, would lie scattered over the memory that the next step's large ones need.
     */
    private void refresh() {
        if (!stale) {
            return;
        }
        try (NativeScope scope = new NativeScope()) {
            gram.copy_(gramOf(factor.wide(pair)));
            inverse.copy_(inverseOf(gram));
        }
        stale = false;
    }

    /** {@code S}, float64 {@code (r, r)}. */
    Tensor gram() {
        refresh();
        return gram;
    }

    /** {@code S} of the factor's present values, for who only looks on: what is held stays as it is. */
    Tensor presentGram() {
        return stale ? gramOf(factor.wide(pair)) : gram;
    }

    /** {@code S} before the factor was written last; null if it was not, or was loaded or asked for its Gram matrix since. */
    @Nullable
    Tensor previousGram() {
        return stale && written ? gram : null;
    }

    /** {@code S⁻¹}, float64 {@code (r, r)}. */
    Tensor inverse() {
        refresh();
        return inverse;
    }

    /**
     * {@code X·(I − P_F)}: of coordinates of this factor, what the other one cannot reach.
     *
     * @param x {@code (r, length)}
     * @param wide the factor itself, {@code (r, length)}
     */
    Tensor beyondReach(Tensor x, Tensor wide) {
        return x.sub(x.mm(wide.t()).mm(inverse().to(x.scalar_type())).mm(wide));
    }

    /** The condition number of S; infinite for a singular matrix. */
    double condition() {
        try (NativeScope scope = new NativeScope()) {
            double[] values =
                    Tensors.toDoubles(torch.linalg_eigvalsh(presentGram().cpu()));
            return values[0] > 0 ? values[values.length - 1] / values[0] : Double.POSITIVE_INFINITY;
        }
    }

    /**
     * How far the factor's subspace has turned when it was written last, as in {@link LoftDiagnostics#turn}: the cosines of the
     * principal angles are the singular values of {@code S^{-½}·O·Sprev^{-½}}.
     *
     * @param overlap {@code O = F·Fprevᵀ}
     */
    double turn(Tensor overlap) {
        Tensor previous = previousGram();
        if (previous == null) {
            return 0;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor before = SymmetricPowers.of(previous, RANK_TOLERANCE).inverseRoot();
            Tensor now = SymmetricPowers.of(presentGram(), RANK_TOLERANCE).inverseRoot();
            double rank = before.mm(previous).mm(before).trace().item_double();
            double squaredCosines = now.mm(overlap).mm(before).square().sum().item_double();
            return rank < 0.5 ? 0 : Math.sqrt(Math.max(0, 1 - squaredCosines / rank));
        }
    }

    /** Zeros of a Gram matrix' shape and type, {@code (r, r)}; they belong to the open scope. */
    static Tensor zeros(LowRankPair pair) {
        return Tensors.zeros(
                Dtype.F64,
                DeviceSpec.of(pair.loraA()),
                pair.loraA().size(0),
                pair.loraA().size(0));
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
