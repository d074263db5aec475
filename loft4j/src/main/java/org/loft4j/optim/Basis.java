package org.loft4j.optim;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * What one factor is to the other: the basis in which the other's coordinates are taken. Holds the Gram matrix
 * {@code S = F·Fᵀ} and its inverse, float64 whatever the dtype of the factor. Once the factor has been written they are made anew
 * when one is asked for: in the optimizer's next look at the gradients, pair after pair, and not behind the tiles of block 5, which
 * leave nothing of this code in the processor's caches.
 *
 * <p>Matrices are taken apart on the processor. A device would be waited for each time, so there all that have been written are
 * made anew at once ({@link #refresh(List)}).
 */
final class Basis implements AutoCloseable {
    /** Eigenvalues below this share of the largest count as zero where a rank is asked for. */
    private static final double RANK_TOLERANCE = 1e-12;

    private final LowRankPair pair;
    private final Factor factor;
    private final Damping damping;
    private final Tensor gram;
    private final Tensor inverse;
    /** {@code F·Fprevᵀ} of when the factor was written last; null where nobody asks. */
    private final @Nullable Tensor overlap;

    /** C on the processor, if the factor is on a device. */
    private @Nullable Tensor carry;

    private boolean stale = true;
    private boolean written;

    /** For who asks for no {@link #carry}. */
    Basis(LowRankPair pair, Factor factor, Damping damping) {
        this(pair, factor, damping, null);
    }

    /** @param overlap takes {@code F·Fprevᵀ}, float64 {@code (r, r)}; stays the caller's, who may use one for both factors of a pair that take turns */
    Basis(LowRankPair pair, Factor factor, Damping damping, @Nullable Tensor overlap) {
        this.pair = pair;
        this.factor = factor;
        this.damping = damping;
        this.overlap = overlap;
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

    /** Writes the factor, {@code (r, length)}, and keeps {@code F·Fprevᵀ}: all that is kept of the old one. */
    void write(Tensor next) {
        Tensor f = factor.wide(pair);
        Objects.requireNonNull(overlap, "made without an overlap")
                .copy_(next.to(ScalarType.Double).mm(f.to(ScalarType.Double).t()));
        f.copy_(next);
        renew();
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
            if (gram.is_cuda()) {
                makeAnew(List.of(this));
                return;
            }
            gram.copy_(gramOf(factor.wide(pair)));
            inverse.copy_(inverseOf(gram));
        }
        stale = false;
    }

    /** Takes the present values of those on a device that are new, all of one rank at once: what else would be a wait for each. */
    static void refresh(List<Basis> all) {
        Map<Long, List<Basis>> byRank = all.stream()
                .filter(basis -> basis.stale && basis.gram.is_cuda())
                .collect(Collectors.groupingBy(basis -> basis.gram.size(0)));
        byRank.values().forEach(Basis::makeAnew);
    }

    /** One copy to the processor, and one back. */
    static void makeAnew(List<Basis> some) {
        try (NativeScope scope = new NativeScope()) {
            TensorVector there = new TensorVector();
            for (Basis basis : some) {
                try (NativeScope each = new NativeScope()) {
                    basis.gram.copy_(gramOf(basis.factor.wide(basis.pair)));
                }
                there.push_back(basis.gram);
                there.push_back(basis.overlap == null ? basis.gram : basis.overlap);
            }
            Tensor here = torch.stack(there).cpu();
            Tensor inverses = torch.empty(new long[] {some.size(), here.size(1), here.size(2)}, here.options(), null);
            Lanes.run(some.size(), i -> inverses.select(0, i).copy_(some.get(i).inverseOf(here.select(0, 2L * i))));
            Tensor copied = inverses.to(some.get(0).inverse);
            for (int i = 0; i < some.size(); i++) {
                Basis basis = some.get(i);
                basis.inverse.copy_(copied.select(0, i));
                basis.dropCarry();
                if (basis.overlap != null) {
                    basis.carry = NativeScope.keep(inverses.select(0, i).mm(here.select(0, 2L * i + 1)));
                }
                basis.stale = false;
            }
        }
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
     * What carries coordinates over from the factor as it was before it was written last, {@code C = S⁻¹·F·Fprevᵀ}: float64
     * {@code (r, r)}, on the processor.
     */
    Tensor carry() {
        refresh();
        return carry != null ? carry : inverse.mm(Objects.requireNonNull(overlap, "made without an overlap"));
    }

    /**
     * {@code S⁻¹·F}, {@code (r, length)}, in the type of the factor: {@code x·Fᵀ·S⁻¹} are the coordinates of rows x in the factor.
     * Formed in float64, since S⁻¹ has the condition of F squared, and what is formed has that of F.
     */
    Tensor projector() {
        Tensor f = factor.wide(pair);
        return inverse().mm(f.to(ScalarType.Double)).to(f.scalar_type());
    }

    /**
     * {@code X·(I − P_F)}: of coordinates of this factor, what the other one cannot reach.
     *
     * @param x {@code (r, length)}
     */
    Tensor beyondReach(Tensor x) {
        return x.sub(x.mm(factor.wide(pair).t()).mm(projector()));
    }

    /** The condition number of S; infinite for a singular matrix and where the factor is not finite. */
    double condition() {
        try (NativeScope scope = new NativeScope()) {
            Tensor gram = presentGram().cpu();
            if (!isFinite(gram)) {
                return Double.POSITIVE_INFINITY;
            }
            double[] values = Tensors.toDoubles(torch.linalg_eigvalsh(gram));
            return values[0] > 0 ? values[values.length - 1] / values[0] : Double.POSITIVE_INFINITY;
        }
    }

    /**
     * How far the factor's subspace has turned when it was written last, as in {@link LoftDiagnostics#turn}: the cosines of the
     * principal angles are the singular values of {@code S^{-½}·F·Fprevᵀ·Sprev^{-½}}. Not a number where the factor is not finite.
     */
    double turn() {
        Tensor previous = previousGram();
        if (previous == null) {
            return 0;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor sPrevious = previous.cpu();
            Tensor sNow = presentGram().cpu();
            if (!isFinite(sPrevious) || !isFinite(sNow)) {
                return Double.NaN;
            }
            Tensor before = SymmetricPowers.of(sPrevious, RANK_TOLERANCE).inverseRoot();
            Tensor now = SymmetricPowers.of(sNow, RANK_TOLERANCE).inverseRoot();
            double rank = before.mm(sPrevious).mm(before).trace().item_double();
            double squaredCosines = now.mm(Objects.requireNonNull(overlap, "made without an overlap")
                            .cpu())
                    .mm(before)
                    .square()
                    .sum()
                    .item_double();
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

    /** Of numbers that are not finite libtorch has no eigenvalues. */
    private static boolean isFinite(Tensor gram) {
        return gram.isfinite().all().item_bool();
    }

    private Tensor inverseOf(Tensor gram) {
        Eigen eigen = Eigen.of(gram);
        Tensor values = eigen.values().clamp_min(new Scalar(0.0));
        return eigen.vectors()
                .mul(damping.invert(values, factor))
                .mm(eigen.vectors().t());
    }

    private void dropCarry() {
        if (carry != null) {
            carry.close();
            carry = null;
        }
    }

    @Override
    public void close() {
        dropCarry();
        gram.close();
        inverse.close();
    }
}
