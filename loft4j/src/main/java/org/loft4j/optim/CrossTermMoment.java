package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;

/**
 * The second moment of LoFT-AdamW (arXiv 2505.21289, blocks 4 and 5): for each column i of the factor the symmetric
 * matrix {@code P[i] = EMA(g̃[i]·g̃[i]ᵀ)}, packed, from which {@code V_ij = a_jᵀ·P[i]·a_j} for each column a_j of the basis. V, the
 * momentum in W-space and their quotient are formed, used and thrown away tile by tile of rows; nothing of the size of W
 * is ever held.
 */
final class CrossTermMoment implements SecondMoment {
    private final LoftConfig config;
    private final CrossTerms algebra;
    private final Tensor packed;

    CrossTermMoment(LoftConfig config, Tensor like) {
        this.config = config;
        this.algebra = new CrossTerms((int) like.size(0), DeviceSpec.of(like));
        try (NativeScope scope = new NativeScope()) {
            packed = NativeScope.keep(torch.zeros(
                    new long[] {CrossTerms.packedSize((int) like.size(0)), like.size(1)}, like.options()));
        }
    }

    @Override
    public Tensor state() {
        return packed;
    }

    @Override
    public void transport(Tensor c) {
        packed.copy_(algebra.congruence(c).to(packed.scalar_type()).mm(packed));
    }

    @Override
    public void accumulate(Tensor scaledGrad) {
        algebra.accumulate(packed, scaledGrad, config.beta2());
    }

    @Override
    public Tensor direction(Tensor m, Tensor basis, Tensor basisInverse, long t) {
        Tensor projector = basisInverse.mm(basis).t();
        Tensor direction = torch.empty_like(m);
        forEachTile(
                m,
                basis,
                t,
                (from, d) -> direction
                        .narrow(1, from, d.size(0))
                        .copy_(d.mm(projector).t()));
        return direction;
    }

    /** Takes the quotient D of the rows from the given one on. */
    interface Tile {
        void accept(long from, Tensor quotient);
    }

    /**
     * Block 5: {@code M = mᵀ·K}, {@code V_ij = a_jᵀ·P[i]·a_j}, {@code D = (M/c₁) ⊘ (√(V/c₂) + ε)} with {@code c = 1 − βᵗ}, a tile
     * of rows at a time. The tile's memory is used again for the next.
     */
    void forEachTile(Tensor m, Tensor basis, long t, Tile use) {
        long rows = m.size(1);
        long columns = basis.size(1);
        long tileRows = RowTiles.size(rows, columns);
        double c1 = 1 - Math.pow(config.beta1(), t);
        double c2 = 1 - Math.pow(config.beta2(), t);
        double bound = QuotientBound.at(config, t);
        Scalar eps = new Scalar(config.eps());
        Scalar zero = new Scalar(0.0);
        ScalarOptional low = new ScalarOptional(new Scalar(-bound));
        ScalarOptional high = new ScalarOptional(new Scalar(bound));

        // the corrections by c₁ and c₂ are linear, so they go into the small operands
        Tensor squared = algebra.squared(basis).div_(new Scalar(c2));
        Tensor corrected = basis.div(new Scalar(c1));
        Tensor tileV = torch.empty(new long[] {tileRows, columns}, m.options(), null);
        Tensor tileD = torch.empty(new long[] {tileRows, columns}, m.options(), null);
        RowTiles.forEach(rows, columns, (from, count) -> {
            Tensor v = torch.mm_out(
                    tileV.narrow(0, 0, count), packed.narrow(1, from, count).t(), squared);
            Tensor d = torch.mm_out(
                    tileD.narrow(0, 0, count), m.narrow(1, from, count).t(), corrected);
            d.div_(v.clamp_min_(zero).sqrt_().add_(eps)).clamp_(low, high);
            use.accept(from, d);
        });
    }

    /** Of the first rows only. */
    @Override
    public double epsShare(Tensor m, Tensor basis, long t) {
        try (NativeScope scope = new NativeScope()) {
            long count = Math.min(m.size(1), 32);
            Tensor v = packed.narrow(1, 0, count).t().mm(algebra.squared(basis));
            return SecondMoment.epsShare(config, m.narrow(1, 0, count).t().mm(basis), v, t);
        }
    }

    @Override
    public void close() {
        algebra.close();
        packed.close();
    }
}
