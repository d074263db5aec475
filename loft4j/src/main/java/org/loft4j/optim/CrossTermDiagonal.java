package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * LoFT-AdamW's second moment without block 5 (the projected update): the cross terms are kept and carried over, but the
 * quotient is formed in factor space, {@code D[i] = (m[i]/c₁) ⊘ (√(diag(P[i])/c₂) + ε)}. Of use for taking LoFT apart.
 */
final class CrossTermDiagonal implements SecondMoment {
    private final LoftConfig config;
    private final CrossTermMoment terms;

    CrossTermDiagonal(LoftConfig config, Tensor like) {
        this.config = config;
        this.terms = new CrossTermMoment(config, like);
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        terms.addState(prefix, all);
    }

    @Override
    public void transport(Tensor c, long t) {
        terms.transport(c, t);
    }

    @Override
    public void accumulate(Tensor scaledGrad, long t) {
        terms.accumulate(scaledGrad, t);
    }

    @Override
    public Tensor direction(Tensor m, Tensor k, Basis basis, long t) {
        double bound = QuotientBound.at(config, t);
        Tensor v = diagonal(m).clamp_min_(new Scalar(0.0));
        return FactorMoment.quotient(config, m, v, t)
                .clamp_(new ScalarOptional(new Scalar(-bound)), new ScalarOptional(new Scalar(bound)));
    }

    @Override
    public double epsShare(Tensor m, Tensor basis, long t) {
        return SecondMoment.epsShare(config, m, diagonal(m), t);
    }

    /** {@code diag(P[i])} for each i, {@code (r, length)}: {@code aᵀ·P[i]·a} for the unit vectors a. */
    private Tensor diagonal(Tensor like) {
        Tensor unit = torch.eye(like.size(0), like.options());
        return terms.times(terms.squared(unit).t());
    }

    @Override
    public void close() {
        terms.close();
    }
}
