package org.loft4j.optim;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.Checks;
import org.loft4j.tensor.NativeScope;

/**
 * RefLoRA (Zhang, Li, Giannakis, "RefLoRA: Refactored Low-Rank Adaptation for Efficient Fine-Tuning of Large Models", NeurIPS
 * 2025, arXiv 2505.18877, algorithm 1): of all factorings of the same {@code B·A} the balanced one,
 * {@code (B·P⁻¹, P·A)} with {@code Pᵀ·P = S}, bounds the loss best. Instead of refactoring, the gradients are preconditioned
 * by
 *
 * <pre>
 * S = S_A^−½·(S_A^½·S_B·S_A^½)^½·S_A^−½,   S_A = A·Aᵀ,  S_B = Bᵀ·B        (so that S·S_A·S = S_B)
 * g_A ← S⁻¹·g_A        g_B ← g_B·S,   then AdamW on both
 * </pre>
 *
 * as the authors' code does. S = 0 while B = 0, where the method does not exist: the first steps are LoRA's, 100 in
 * most published runs, so that a run that is no longer is LoRA throughout. The inverses of the roots σ are
 * {@code σ/(σ² + (1e-8·σmax)²)}; the authors add the epsilon of the dtype to σ.
 */
public final class RefLora {
    /** The steps at the start that are LoRA's in most published runs. */
    public static final int WARMUP_STEPS = 100;

    private RefLora() {}

    /**
     * After a warm-up. State: LoRA's, {@code 2·(m + n)·r} floats a pair.
     *
     * @param warmupSteps steps of LoRA before; at least one where B starts at zero, or nothing ever moves
     */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config, int warmupSteps) {
        Checks.atLeast("reflora.warmup_steps", warmupSteps, 0);
        List<PairRule> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            GradientScaling scaling = new Refactoring(pair, warmupSteps);
            rules.add(new ScaledAdamWPair(pair, config, scaling, EnumSet.allOf(Factor.class)));
        }
        return new PairOptimizer(rules);
    }

    /** The matrix S of a pair and its inverse. */
    static final class Refactoring implements GradientScaling {
        private static final Damping.Relative DAMPING = new Damping.Relative(1e-7);

        private final LowRankPair pair;
        private final int warmupSteps;
        private final Tensor s;
        private final Tensor inverse;
        private boolean stale = true;
        /** S = 0. */
        private boolean nowhere;

        Refactoring(LowRankPair pair, int warmupSteps) {
            this.pair = pair;
            this.warmupSteps = warmupSteps;
            try (NativeScope scope = new NativeScope()) {
                Tensor a = exact(Factor.A);
                s = NativeScope.keep(torch.zeros(new long[] {a.size(0), a.size(0)}, a.options()));
                inverse = NativeScope.keep(torch.zeros_like(s));
            }
        }

        /** {@code S}, float64 {@code (r, r)}. */
        Tensor s() {
            refresh();
            return s;
        }

        @Override
        public Tensor scale(Factor factor, Tensor grad, long t) {
            if (t <= warmupSteps) {
                return grad;
            }
            refresh();
            return nowhere ? grad : (factor == Factor.A ? inverse : s).mm(grad);
        }

        @Override
        public void written() {
            stale = true;
        }

        /** Takes the factors' present values if they are new; through the warm-up nobody asks. */
        private void refresh() {
            if (!stale) {
                return;
            }
            stale = false;
            Tensor a = exact(Factor.A);
            Tensor b = exact(Factor.B);
            Eigen ofA = Eigen.of(a.mm(a.t()));
            Tensor rootA = ofA.values().clamp_min(new Scalar(0.0)).sqrt_();
            Tensor q = ofA.vectors();
            // (S_A^½·S_B·S_A^½) in the eigenvectors of S_A: N·Nᵀ with N = Λ_A^½·Qᵀ·Bᵀ
            Tensor n = q.mul(rootA).t().mm(b);
            Eigen ofProduct = Eigen.of(n.mm(n.t()));
            Tensor rootProduct = ofProduct.values().clamp_min(new Scalar(0.0)).sqrt_();
            Tensor left = q.mul(DAMPING.invert(rootA, Factor.A)).mm(ofProduct.vectors());
            Tensor leftInverse = q.mul(rootA).mm(ofProduct.vectors());
            s.copy_(left.mul(rootProduct).mm(left.t()));
            inverse.copy_(leftInverse.mul(DAMPING.invert(rootProduct, Factor.A)).mm(leftInverse.t()));
            nowhere = !s.any().item_bool();
        }

        private Tensor exact(Factor factor) {
            return factor.wide(pair).to(ScalarType.Double);
        }

        @Override
        public void close() {
            s.close();
            inverse.close();
        }
    }
}
