package org.loft4j.optim;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Riemannian preconditioned LoRA, or scaled gradient descent (Zhang and Pilanci, "Riemannian Preconditioned LoRA for
 * Fine-Tuning Foundation Models", ICML 2024, arXiv 2402.02347, its "scaled AdamW"):
 *
 * <pre>
 * g_A ← (Bᵀ·B + δ)⁻¹·g_A        g_B ← g_B·(A·Aᵀ + δ)⁻¹,  δ = 1e-2,  then AdamW on both
 * </pre>
 *
 * Both Gram matrices are those of the factors at which the gradients were taken. With B = 0 the first step has {@code g_A = 0},
 * so δ does no more than keep the inverse finite.
 */
public final class ScaledGd {
    private static final double DELTA = 1e-2;

    private ScaledGd() {}

    /** State: LoRA's, {@code 2·(m + n)·r} floats a pair. */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config) {
        List<PairRule> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            rules.add(new ScaledAdamWPair(pair, config, new Preconditioner(pair), EnumSet.allOf(Factor.class)));
        }
        return new PairOptimizer(rules);
    }

    /** Of each factor's gradient, by the other factor. */
    private static final class Preconditioner implements GradientScaling {
        private final Basis a;
        private final Basis b;

        Preconditioner(LowRankPair pair) {
            this.a = new Basis(pair, Factor.A, new Damping.Absolute(DELTA, DELTA));
            this.b = new Basis(pair, Factor.B, new Damping.Absolute(DELTA, DELTA));
        }

        @Override
        public Tensor scale(Factor factor, Tensor grad, long t) {
            return (factor == Factor.A ? b : a).inverse().mm(grad);
        }

        @Override
        public List<Basis> bases() {
            return List.of(a, b);
        }

        @Override
        public void written() {
            a.renew();
            b.renew();
        }

        @Override
        public void close() {
            a.close();
            b.close();
        }
    }
}
