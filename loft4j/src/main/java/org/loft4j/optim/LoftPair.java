package org.loft4j.optim;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * One pair under LoFT: the six blocks in their order. A and B take the same path, B as its transpose, so that each equation
 * is written once: F is the factor {@code (r, length)}, K its basis {@code (r, columns)}, and {@code W − W0} is
 * {@code s·Fᵀ·K} or its transpose.
 */
final class LoftPair implements PairRule {
    private final LowRankPair pair;
    private final LoftConfig config;
    private final Map<Factor, FactorState> states = new EnumMap<>(Factor.class);
    private final Map<Factor, Basis> bases = new EnumMap<>(Factor.class);
    /** {@code K·Kprevᵀ} of the basis that was written last, float64 {@code (r, r)}: all that is kept of the old factor. */
    private final Tensor overlap;

    LoftPair(LowRankPair pair, LoftConfig config, Function<Tensor, SecondMoment> secondMoment) {
        this.pair = pair;
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            for (Factor factor : Factor.values()) {
                Tensor wide = factor.wide(pair);
                states.put(factor, new FactorState(wide, secondMoment.apply(wide)));
                bases.put(factor, new Basis(pair, factor, config.damping()));
            }
            overlap = NativeScope.keep(basis(Factor.A).gram().mul(new Scalar(0.0)));
        }
    }

    @Override
    public LowRankPair pair() {
        return pair;
    }

    /** Block 2; the norm is that of the active factor's projected full gradient (block 6). */
    @Override
    public void readGradients(long t, NormSum norm) {
        Factor active = Factor.activeAt(t);
        for (Factor factor : Factor.values()) {
            Tensor grad = factor.wideGrad(pair);
            Tensor projectedNorm = state(factor).scale(grad, basis(factor.other()), pair.scale());
            // the idle factor adds zero to the norm, or NaN if its gradient is not finite
            norm.add(factor == active ? projectedNorm : grad.sum().mul(new Scalar(0.0)));
        }
    }

    /** Both histories move on; the active factor is written. */
    @Override
    public void step(long t, double learningRate, double gradScale) {
        Factor active = Factor.activeAt(t);
        for (Factor factor : Factor.values()) {
            Basis basis = basis(factor.other());
            boolean basisMoved = factor == active && t > 1;
            if (basisMoved) {
                state(factor).transport(basis.inverse().mm(overlap));
            } else if (t > 1 && config.damping() instanceof Damping.Absolute) {
                // (S + δ)⁻¹·S is not the identity
                state(factor).transport(basis.inverse().mm(basis.gram()));
            }
            state(factor).accumulate(config.beta1(), gradScale);
        }

        Tensor f = active.wide(pair);
        Tensor k = active.other().wide(pair);
        Tensor d = state(active).direction(k, basis(active.other()).inverse(), t);
        Tensor decayed = f.mul(new Scalar(1 - learningRate * config.weightDecay()));
        Tensor written = decayed.sub_(d, new Scalar(learningRate / pair.scale()));

        overlap.copy_(written.to(ScalarType.Double).mm(f.to(ScalarType.Double).t()));
        f.copy_(written);
        basis(active).renew(pair);
    }

    @Override
    public void addState(Map<String, Tensor> all) {
        for (Factor factor : Factor.values()) {
            String prefix = pair.name() + ".lora_" + factor;
            all.put(prefix + ".exp_avg", state(factor).firstMoment());
            all.put(prefix + ".exp_avg_sq", state(factor).secondMoment());
        }
        all.put(pair.name() + ".overlap", overlap);
    }

    @Override
    public void reloaded() {
        bases.values().forEach(basis -> basis.renew(pair));
    }

    private FactorState state(Factor factor) {
        return Objects.requireNonNull(states.get(factor));
    }

    private Basis basis(Factor factor) {
        return Objects.requireNonNull(bases.get(factor));
    }

    @Override
    public void close() {
        states.values().forEach(FactorState::close);
        bases.values().forEach(Basis::close);
        overlap.close();
    }
}
