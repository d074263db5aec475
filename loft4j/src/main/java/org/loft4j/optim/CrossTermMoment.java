package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/**
 * The second moment of LoFT-AdamW (arXiv 2505.21289, blocks 4 and 5): for each row i of the factor the symmetric matrix
 * {@code P[i] = EMA(g̃[i]ᵀ·g̃[i])}, packed, from which {@code V_ij = a_jᵀ·P[i]·a_j} for each column a_j of the basis. V, the
 * momentum in W-space and their quotient are formed, used and thrown away tile by tile of rows; nothing of the size of W
 * is ever held.
 */
final class CrossTermMoment implements SecondMoment {
    /** Elements of a tile: small enough for the processor's cache, large enough to be worth a call. */
    private static final long TILE_ELEMENTS = 1 << 18;

    private final LoftConfig config;
    private final CrossTerms algebra;
    private final Tensor packed;

    CrossTermMoment(LoftConfig config, CrossTerms algebra, Tensor like) {
        this.config = config;
        this.algebra = algebra;
        try (NativeScope scope = new NativeScope()) {
            packed = NativeScope.keep(torch.zeros(
                    new long[] {like.size(0), CrossTerms.packedSize((int) like.size(1))}, like.options()));
        }
    }

    @Override
    public Tensor state() {
        return packed;
    }

    @Override
    public void transport(Tensor c) {
        packed.copy_(packed.mm(algebra.congruence(c).to(packed.scalar_type())));
    }

    @Override
    public void accumulate(Tensor scaledGrad) {
        algebra.accumulate(packed, scaledGrad, config.beta2());
    }

    @Override
    public Tensor direction(Tensor m, Tensor basis, Tensor basisInverse, long t) {
        long rows = m.size(0);
        long columns = basis.size(1);
        long tileRows = Math.min(rows, Math.max(32, TILE_ELEMENTS / columns));
        // D = (M / c₁) ⊘ (√(V / c₂) + ε) = √c₂/c₁ · M ⊘ (√V + ε·√c₂): the scalar goes into the small operand
        double c1 = 1 - Math.pow(config.beta1(), t);
        double rootC2 = Math.sqrt(1 - Math.pow(config.beta2(), t));
        double bound = QuotientBound.at(config, t) * c1 / rootC2;
        Scalar shiftedEps = new Scalar(config.eps() * rootC2);
        ScalarOptional low = new ScalarOptional(new Scalar(-bound));
        ScalarOptional high = new ScalarOptional(new Scalar(bound));
        Scalar zero = new Scalar(0.0);

        Tensor squared = algebra.squared(basis);
        Tensor projector = basis.t().mm(basisInverse).mul_(new Scalar(rootC2 / c1));
        Tensor direction = torch.empty_like(m);
        Tensor tileV = torch.empty(new long[] {tileRows, columns}, m.options(), null);
        Tensor tileM = torch.empty(new long[] {tileRows, columns}, m.options(), null);
        for (long from = 0; from < rows; from += tileRows) {
            try (NativeScope scope = new NativeScope()) {
                long count = Math.min(tileRows, rows - from);
                Tensor v = tileV.narrow(0, 0, count);
                Tensor d = tileM.narrow(0, 0, count);
                torch.mm_out(v, packed.narrow(0, from, count), squared);
                torch.mm_out(d, m.narrow(0, from, count), basis);
                d.div_(v.clamp_min_(zero).sqrt_().add_(shiftedEps)).clamp_(low, high);
                torch.mm_out(direction.narrow(0, from, count), d, projector);
            }
        }
        return direction;
    }

    @Override
    public void close() {
        packed.close();
    }
}
