package org.loft4j.optim;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The second moment of LoFT-AdamW (arXiv 2505.21289, blocks 4 and 5): for each column i of the factor the symmetric
 * matrix {@code P[i] = EMA(g̃[i]·g̃[i]ᵀ)}, packed, from which {@code V_ij = a_jᵀ·P[i]·a_j} for each column a_j of the basis. V, the
 * momentum in W-space and their quotient are formed, used and thrown away tile by tile; nothing of the size of W
 * is ever held. P stays in the coordinates of an earlier basis for as long as the present one is near it
 * ({@link KeptCoordinates}).
 */
final class CrossTermMoment implements SecondMoment {
    private final LoftConfig config;
    private final CrossTerms algebra;
    private final Tensor packed;
    /** The type that is computed in. */
    private final ScalarType wide;

    private final Tiles tiles;

    private final KeptCoordinates coordinates;

    private final @Nullable OvershootGuard guard;

    CrossTermMoment(LoftConfig config, Tensor like) {
        this.config = config;
        this.wide = like.scalar_type();
        this.tiles = Tiles.of(like);
        this.guard = OvershootGuard.of(config, like);
        this.coordinates = new KeptCoordinates((int) like.size(0));
        this.algebra = CrossTerms.of((int) like.size(0), DeviceSpec.of(like));
        try (NativeScope scope = new NativeScope()) {
            packed = NativeScope.keep(Tensors.zeros(
                    config.bfloat16CrossTerms() ? Dtype.BF16 : Dtype.of(like),
                    DeviceSpec.of(like),
                    CrossTerms.packedSize((int) like.size(0)),
                    like.size(1)));
        }
    }

    /** The cross terms as they are kept, {@code (r(r+1)/2, length)}. */
    Tensor packed() {
        return packed;
    }

    /** {@code vech₂} of each column a of the basis for the cross terms as they are kept: {@code vech(P[i])ᵀ·squared(a) = aᵀ·P[i]·a}. */
    Tensor squared(Tensor basis) {
        return algebra.squared(coordinates.dual(basis));
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".exp_avg_sq", packed);
        coordinates.addState(prefix + ".exp_avg_sq", all);
        if (guard != null) {
            guard.addState(prefix, all);
        }
    }

    /** At full rank nothing is beyond the other factor's reach. */
    @Override
    public void rest(Tensor scaledGrad, Tensor m, Resting factor, long t) {
        if (guard != null && m.size(0) < m.size(1)) {
            guard.look(scaledGrad, m, power(factor.basis().gram()), factor, t);
        }
    }

    /**
     * {@code Σⱼ V_ij = tr(P[i]·S)} for each i, {@code (length)}.
     *
     * @param gram S, float64 {@code (r, r)}
     */
    Tensor power(Tensor gram) {
        Tensor q = coordinates.map().to(gram);
        Tensor weights = algebra.paired(q.t().mm(gram).mm(q).to(wide)).select(0, 0);
        Tensor power = torch.empty(new long[] {packed.size(1)}, weights.options(), null);
        // with one row on its left a general product takes many times as long
        tiles.along(
                packed.size(1),
                (from, count) -> torch.mv_out(
                        power.narrow(0, from, count),
                        packed.narrow(1, from, count).to(wide).t(),
                        weights));
        return power;
    }

    /** {@code weights·vech(P[i])} for each i and each row of weights, with the cross terms as they are kept. */
    Tensor times(Tensor weights) {
        Tensor product = torch.empty(new long[] {weights.size(0), packed.size(1)}, weights.options(), null);
        tiles.along(
                packed.size(1),
                (from, count) -> product.narrow(1, from, count)
                        .copy_(weights.mm(packed.narrow(1, from, count).to(wide))));
        return product;
    }

    /** {@code P ← C·P·Cᵀ}: by other coordinates where they do, else in fact. */
    @Override
    public void transport(Tensor c, long t) {
        if (!coordinates.move(c)) {
            UnaryOperator<Tensor> carry = algebra.carry(c.mm(coordinates.map()), packed.device(), wide);
            long rank = c.size(0);
            tiles.along(packed.size(1), rank * rank, (from, count) -> {
                Tensor own = packed.narrow(1, from, count);
                keep(own, carry.apply(own.to(wide)), t);
            });
            coordinates.renew();
        }
    }

    /** Part by part, so that what is made stays in the cache. */
    @Override
    public void accumulate(Tensor scaledGrad, long t) {
        Tensor g = coordinates.kept(scaledGrad);
        tiles.along(g.size(1), packed.size(0), (from, count) -> {
            Tensor own = packed.narrow(1, from, count);
            Tensor p = own.to(wide);
            algebra.accumulate(p, g.narrow(1, from, count), config.beta2());
            keep(own, p, t);
        });
    }

    /** @param p what is to be kept, which may be {@code own} itself; may be overwritten */
    private void keep(Tensor own, Tensor p, long t) {
        own.copy_(config.bfloat16CrossTerms() ? DitheredBfloat16.round(p.to(ScalarType.Float), t) : p);
    }

    @Override
    public Tensor direction(Tensor m, Tensor k, Basis basis, long t) {
        Tensor projector = basis.projector().t().contiguous();
        Tensor direction = torch.zeros(new long[] {m.size(1), m.size(0)}, m.options());
        forEachTile(
                m,
                k,
                t,
                (row, column, d) ->
                        addProduct(direction.narrow(0, row, d.size(0)), d, projector.narrow(0, column, d.size(1))));
        if (guard != null) {
            direction.mul_(guard.share().unsqueeze(1));
        }
        return direction.t();
    }

    /** {@code sum ← sum + d·x}; with one column on its right a general product takes many times as long as one with a vector. */
    private static void addProduct(Tensor sum, Tensor d, Tensor x) {
        if (x.size(1) == 1) {
            sum.select(1, 0).addmv_(d, x.select(1, 0));
        } else {
            sum.addmm_(d, x);
        }
    }

    /** Takes the quotient D of the entries from the given row and column on. */
    interface Tile {
        void accept(long row, long column, Tensor quotient);
    }

    /**
     * Block 5: {@code M = mᵀ·K}, {@code V_ij = a_jᵀ·P[i]·a_j}, {@code D = (M/c₁) ⊘ (√(V/c₂) + ε)} with {@code c = 1 − βᵗ}, tile
     * by tile. The tile's memory is used again for the next.
     */
    void forEachTile(Tensor m, Tensor basis, long t, Tile use) {
        double c1 = 1 - Math.pow(config.beta1(), t);
        double c2 = 1 - Math.pow(config.beta2(), t);
        double bound = QuotientBound.at(config, t);
        Scalar eps = new Scalar(config.eps());
        Scalar zero = new Scalar(0.0);
        ScalarOptional low = new ScalarOptional(new Scalar(-bound));
        ScalarOptional high = new ScalarOptional(new Scalar(bound));

        Tensor memoryV = torch.empty(new long[] {tiles.area(m.size(1), basis.size(1))}, m.options(), null);
        Tensor memoryD = torch.empty(new long[] {tiles.stripArea(m.size(1), basis.size(1))}, m.options(), null);
        tiles.along(basis.size(1), packed.size(0), (column, width) -> {
            // the corrections by c₁ and c₂ go into the small operands
            Tensor a = basis.narrow(1, column, width);
            Tensor squared = squared(a.div(new Scalar(Math.sqrt(c2))));
            Tensor corrected = a.div(new Scalar(c1)).contiguous();
            tiles.along(m.size(1), (row, height) -> {
                Tensor v = tile(memoryV, height, width);
                torch.mm_out(v, packed.narrow(1, row, height).to(wide).t(), squared);
                tiles.strips(v, (from, strip) -> {
                    Tensor d = tile(memoryD, strip.size(0), width);
                    torch.mm_out(d, m.narrow(1, row + from, strip.size(0)).t(), corrected);
                    d.div_(strip.clamp_min_(zero).sqrt_().add_(eps)).clamp_(low, high);
                    use.accept(row + from, column, d);
                });
            });
        });
    }

    private static Tensor tile(Tensor memory, long rows, long columns) {
        return memory.narrow(0, 0, rows * columns).view(rows, columns);
    }

    /** Of the first rows only. */
    @Override
    public double epsShare(Tensor m, Tensor basis, long t) {
        try (NativeScope scope = new NativeScope()) {
            long count = Math.min(m.size(1), 32);
            Tensor counts = Tensors.zeros(Dtype.I64, DeviceSpec.of(m), 2);
            Tensor rows = packed.narrow(1, 0, count).t().to(wide);
            tiles.along(basis.size(1), packed.size(0), (column, width) -> {
                Tensor a = basis.narrow(1, column, width);
                Tensor v = rows.mm(squared(a));
                counts.add_(
                        SecondMoment.epsCounts(config, m.narrow(1, 0, count).t().mm(a), v, t));
            });
            return SecondMoment.share(counts);
        }
    }

    @Override
    public void close() {
        coordinates.close();
        packed.close();
        if (guard != null) {
            guard.close();
        }
    }
}
