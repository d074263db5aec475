package org.loft4j.optim;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * AltLoRA and AltLoRA+ (Yu, Wang, Chen, Xue, "AltLoRA: Towards Better Gradient Approximation in Low-Rank Adaptation with
 * Alternating Projections", arXiv 2505.12455): within each step A moves first, then B with the new A, each
 * along the projection of the full gradient, and the momentum is carried over to the subspace that the other factor now spans,
 *
 * <pre>
 * g̃_A = (BᵀB + δ)⁻¹·g_A                         M_A ← β₁·(BᵀB + δ)⁻¹·BᵀB_old·M_A + (1 − β₁)·g̃_A
 * AltLoRA:  A ← (1 − η·λ)·A − η·M_A/(1 − β₁ᵗ)
 * AltLoRA+: V_A ← β₂·V_A + (1 − β₂)·g̃_A²        A ← (1 − η·λ)·A − η·M_A/(1 − β₁ᵗ) ⊘ (√(V_A/(1 − β₂ᵗ)) + ε)
 * </pre>
 *
 * and B mirrored, with the new A: {@code g̃_B = g_B·(AAᵀ + δ)⁻¹}, {@code M_B ← β₁·M_B·A_old·Aᵀ·(AAᵀ + δ)⁻¹ + …}; δ = 1e-3, as
 * in the authors' code. Both gradients come from the one backward pass before the step. The authors' AltLoRA+ does not
 * store the carried-over momentum and leaves V uncorrected, which makes its first steps {@code 1/√(1 − β₂)} times as long;
 * here the momentum is AltLoRA's and both corrections are Adam's. Only {@code BᵀB_old}, r×r, is kept of the old factors.
 */
public final class AltLora {
    private static final double DELTA = 1e-3;

    private AltLora() {}

    /** AltLoRA, with momentum alone. State: {@code (m + n)·r + r²} floats a pair. */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config) {
        return of(pairs, config, false, DELTA);
    }

    /** AltLoRA+, with a second moment in factor space. State: {@code 2·(m + n)·r + r²} floats a pair. */
    public static Optimizer plus(List<LowRankPair> pairs, AdamWConfig config) {
        return of(pairs, config, true, DELTA);
    }

    /**
     * Either of them.
     *
     * @param delta δ
     */
    static Optimizer of(List<LowRankPair> pairs, AdamWConfig config, boolean secondMoment, double delta) {
        List<PairRule> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            rules.add(new Rule(pair, config, secondMoment, new Damping.Absolute(delta, delta)));
        }
        return new PairOptimizer(rules);
    }

    /** One pair; F is the factor {@code (r, length)}, K the other one, as in {@link LoftPair}. */
    private static final class Rule implements PairRule {
        private final LowRankPair pair;
        private final AdamWConfig config;
        private final boolean secondMoment;
        private final Map<Factor, Tensor> m = new EnumMap<>(Factor.class);
        private final Map<Factor, Tensor> v = new EnumMap<>(Factor.class);
        private final Map<Factor, Basis> bases = new EnumMap<>(Factor.class);
        /** {@code F·Foldᵀ} of each factor, float64 {@code (r, r)}, taken when it is written. */
        private final Map<Factor, Tensor> overlaps = new EnumMap<>(Factor.class);

        Rule(LowRankPair pair, AdamWConfig config, boolean secondMoment, Damping damping) {
            this.pair = pair;
            this.config = config;
            this.secondMoment = secondMoment;
            try (NativeScope scope = new NativeScope()) {
                for (Factor factor : Factor.values()) {
                    Tensor wide = factor.wide(pair);
                    long[] shape = {wide.size(0), wide.size(1)};
                    m.put(factor, NativeScope.keep(torch.zeros(shape, wide.options())));
                    if (secondMoment) {
                        v.put(factor, NativeScope.keep(torch.zeros(shape, wide.options())));
                    }
                    Tensor overlap = NativeScope.keep(Basis.zeros(pair));
                    overlaps.put(factor, overlap);
                    bases.put(factor, new Basis(pair, factor, damping, overlap));
                }
            }
        }

        @Override
        public LowRankPair pair() {
            return pair;
        }

        @Override
        public void readGradients(long t, NormSum norm) {
            for (Factor factor : Factor.values()) {
                norm.add(factor.wideGrad(pair).square().sum());
            }
        }

        @Override
        public void step(long t, double learningRate, double gradScale) {
            for (Factor factor : List.of(Factor.A, Factor.B)) {
                Tensor f = factor.wide(pair);
                Basis basis = of(bases, factor.other());
                Tensor grad = factor.wideGrad(pair).to(ScalarType.Double).mul(new Scalar(gradScale));
                Tensor scaled = basis.inverse().mm(grad).to(f.scalar_type());
                Tensor moment = of(m, factor);
                moment.copy_(basis.carry().to(f).mm(moment).mul_(new Scalar(config.beta1())))
                        .add_(scaled, new Scalar(1 - config.beta1()));
                Tensor direction = moment.div(new Scalar(1 - Math.pow(config.beta1(), t)));
                if (secondMoment) {
                    direction.div_(root(factor, scaled, t));
                }
                Tensor written = f.mul(new Scalar(1 - learningRate * config.weightDecay()))
                        .sub_(direction, new Scalar(learningRate));
                of(bases, factor).write(written);
            }
        }

        /** {@code √(V/(1 − β₂ᵗ)) + ε} after V has taken in the scaled gradient. */
        private Tensor root(Factor factor, Tensor scaled, long t) {
            double c2 = 1 - Math.pow(config.beta2(), t);
            return of(v, factor)
                    .mul_(new Scalar(config.beta2()))
                    .addcmul_(scaled, scaled, new Scalar(1 - config.beta2()))
                    .div(new Scalar(c2))
                    .sqrt_()
                    .add_(new Scalar(config.eps()));
        }

        @Override
        public void addState(Map<String, Tensor> all) {
            m.forEach((factor, moment) -> all.put(pair.name() + ".lora_" + factor + ".exp_avg", moment));
            v.forEach((factor, moment) -> all.put(pair.name() + ".lora_" + factor + ".exp_avg_sq", moment));
            // A's is taken anew within each step before B needs it
            all.put(pair.name() + ".overlap", of(overlaps, Factor.B));
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
            m.values().forEach(Tensor::close);
            v.values().forEach(Tensor::close);
            bases.values().forEach(Basis::close);
            overlaps.values().forEach(Tensor::close);
        }
    }
}
