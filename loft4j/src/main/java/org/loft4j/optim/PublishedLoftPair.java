package org.loft4j.optim;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One pair as the published code of LoFT moves it (github.com/tnurbek/loft, {@code LoFTAdamW}), so that published curves can be
 * compared; {@link LoftPair} is LoFT. A takes its turn before B in every step. With {@code R = (K·Kᵀ + δ)⁻¹·K·Kprevᵀ}:
 *
 * <pre>
 * ĝ = (K·Kᵀ + δ)⁻¹·g                            K is A as just written, when A and then B are treated on a step of A
 * m ← β₁·R·m + (1 − β₁)·ĝ
 * P[i] ← β₂·Rᵀ·P[i]·R + (1 − β₂)·ĝ[i]·ĝ[i]ᵀ      the transpose of the matrix that keeps V
 * F ← (1 − λ)·F                                 no learning rate
 * F ← F − η·(K·Kᵀ + δ)⁻¹·K·Dᵀ                    no 1/s, in the gradient or here: alpha multiplies the step
 * </pre>
 *
 * <p>The quotient D is LoFT's, without a bound. Gram matrices are inverted in float64 here, in the factors' dtype there.
 */
final class PublishedLoftPair implements PairRule {
    private final LowRankPair pair;
    private final LoftConfig config;
    private final Map<Factor, Tensor> momenta = new EnumMap<>(Factor.class);
    private final Map<Factor, CrossTermMoment> seconds = new EnumMap<>(Factor.class);
    private final Map<Factor, Basis> bases = new EnumMap<>(Factor.class);
    /** {@code F·Fprevᵀ} of each factor, wide, as it was written last; float64 {@code (r, r)}. */
    private final Tensor overlapOfA;

    private final Tensor overlapOfB;

    PublishedLoftPair(LowRankPair pair, LoftConfig config) {
        this.pair = pair;
        this.config = config;
        try (NativeScope scope = new NativeScope()) {
            overlapOfA = NativeScope.keep(Basis.zeros(pair));
            overlapOfB = NativeScope.keep(Basis.zeros(pair));
            for (Factor factor : Factor.values()) {
                Tensor wide = factor.wide(pair);
                momenta.put(
                        factor, NativeScope.keep(torch.zeros(new long[] {wide.size(0), wide.size(1)}, wide.options())));
                seconds.put(factor, new CrossTermMoment(config, wide));
                Tensor overlap = factor == Factor.A ? overlapOfA : overlapOfB;
                bases.put(factor, new Basis(pair, factor, config.damping(), overlap));
            }
            overlapOfB.copy_(of(bases, Factor.B).gram());
        }
    }

    @Override
    public LowRankPair pair() {
        return pair;
    }

    /** The norm of {@code ĝᵀ·K} of the active factor. */
    @Override
    public void readGradients(long t, NormSum norm) {
        for (Factor factor : Factor.values()) {
            Tensor grad = factor.wideGrad(pair).to(ScalarType.Double);
            Basis basis = of(bases, factor.other());
            Tensor scaled = basis.inverse().mm(grad);
            norm.add(
                    factor == Factor.activeAt(t)
                            ? scaled.mm(scaled.t()).mul_(basis.gram()).sum()
                            : grad.sum().mul(new Scalar(0.0)));
        }
    }

    @Override
    public void step(long t, double learningRate, double gradScale) {
        boolean turnOfB = Factor.activeAt(t) == Factor.B;
        Basis b = of(bases, Factor.B);
        Tensor written = treat(Factor.A, turnOfB ? b.gram() : overlapOfB, t, learningRate, gradScale);
        if (written != null) {
            of(bases, Factor.A).write(written);
        }
        Tensor sinceA = written == null ? of(bases, Factor.A).gram() : overlapOfA;
        written = treat(Factor.B, sinceA, t, learningRate, gradScale);
        if (written != null) {
            b.write(written);
        }
    }

    /** What one factor's turn does; returns its new value if it moves. */
    private @Nullable Tensor treat(Factor factor, Tensor overlap, long t, double learningRate, double gradScale) {
        Basis basis = of(bases, factor.other());
        Tensor m = of(momenta, factor);
        CrossTermMoment second = of(seconds, factor);
        Tensor r = basis.inverse().mm(overlap);
        m.copy_(r.to(m.scalar_type()).mm(m));
        second.transport(r.t().cpu(), t);

        Tensor grad = factor.wideGrad(pair).to(ScalarType.Double).mul(new Scalar(gradScale));
        Tensor scaled = basis.inverse().mm(grad).to(m.scalar_type());
        m.mul_(new Scalar(config.beta1())).add_(scaled, new Scalar(1 - config.beta1()));
        second.accumulate(scaled, t);
        if (factor != Factor.activeAt(t)) {
            return null;
        }
        Tensor d = second.direction(m, factor.other().wide(pair), basis, t);
        Tensor decayed = factor.wide(pair).mul(new Scalar(1 - config.weightDecay()));
        return decayed.sub_(d, new Scalar(learningRate));
    }

    @Override
    public void addState(Map<String, Tensor> all) {
        for (Factor factor : Factor.values()) {
            String prefix = pair.name() + ".lora_" + factor;
            all.put(prefix + ".exp_avg", of(momenta, factor));
            of(seconds, factor).addState(prefix, all);
        }
        all.put(pair.name() + ".overlap", overlapOfB);
    }

    @Override
    public void reloaded() {
        bases.values().forEach(Basis::renew);
    }

    private static <T> T of(Map<Factor, T> map, Factor factor) {
        return Objects.requireNonNull(map.get(factor));
    }

    @Override
    public void close() {
        momenta.values().forEach(Tensor::close);
        seconds.values().forEach(CrossTermMoment::close);
        bases.values().forEach(Basis::close);
        overlapOfA.close();
        overlapOfB.close();
    }
}
