package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Muon on W (see {@link Muon}), without W. The momentum {@code M = mᵀ·K} has rank r. With {@code S = K·Kᵀ} and the
 * orthonormal {@code Q = S^{-½}·K}, {@code M = (S^{½}·m)ᵀ·Q} and {@code polar(M) = polar(S^{½}·m)ᵀ·Q}, whose coordinates in K are
 *
 * <pre>
 * S^{-½}·polar(S^{½}·m) = S^{-½}·(S^{½}·m·mᵀ·S^{½})^{-½}·S^{½}·m
 * </pre>
 *
 * <p>one r×r matrix times m: no second moment, nothing of the size of W. State: {@code (m + n)·r} floats a pair, half of
 * LoRA's. The step is multiplied by {@link Muon#shapeFactor} of W's shape, so that at full rank it is Muon's. A polar factor
 * of rank r has the Frobenius norm √r, not √min(m, n): a step of rank r is smaller by {@code √(r / min(m, n))}, and that
 * is not made up for.
 */
final class MuonUpdate implements FactorUpdate {
    /** Eigenvalues of a Gram matrix below this share of the largest count as zero: singular values below 1e-6 of it. */
    private static final double TOLERANCE = 1e-12;

    private final LoftConfig config;
    private final Momentum momentum;
    private final double shapeFactor;

    MuonUpdate(LoftConfig config, LowRankPair pair, Tensor wide) {
        this.config = config;
        this.momentum = new Momentum(config, wide);
        this.shapeFactor = Muon.shapeFactor(pair.loraB().size(0), pair.loraA().size(1));
    }

    @Override
    public void transport(Tensor c, long t) {
        momentum.transport(c);
    }

    /** {@code m ← μ·m + (1 − μ)·g̃}; returns Nesterov's {@code μ·m + (1 − μ)·g̃}. */
    @Override
    public Tensor accumulate(Tensor g, long t) {
        double mu = config.beta1();
        momentum.accumulate(g, mu, 1 - mu);
        return momentum.value().mul(new Scalar(mu)).add_(g, new Scalar(1 - mu));
    }

    @Override
    public Tensor direction(Tensor m, Tensor k, Basis basis, long t) {
        SymmetricPowers s = SymmetricPowers.of(basis.gram(), TOLERANCE);
        Tensor exact = m.to(ScalarType.Double);
        Tensor gram = s.root().mm(exact.mm(exact.t())).mm(s.root());
        Tensor polar = SymmetricPowers.of(gram, TOLERANCE).inverseRoot();
        Tensor map = s.inverseRoot().mm(polar).mm(s.root()).mul_(new Scalar(shapeFactor));
        return map.mm(exact).to(m.scalar_type());
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        momentum.addState(prefix, all);
    }

    @Override
    public void close() {
        momentum.close();
    }
}
