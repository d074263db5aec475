package org.loft4j.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * LoRA-Pro (Wang, Liang, He, Wang, Tan, "LoRA-Pro: Are Low-Rank Adapters Properly Optimized?", ICLR 2025, arXiv 2407.18242,
 * its full mode): the factors' gradients are adjusted so that the change of W is the closest
 * to that of Adam on the full matrix, whose moments are kept in full,
 *
 * <pre>
 * proj(g_A, g_B) = (s⁻²·S_B⁻¹·g_A,  s⁻²·(I − B·S_B⁻¹·Bᵀ)·g_B·S_A⁻¹),   S⁻¹ = (S + δ)⁻¹,  δ = 1e-8
 * (g_A*, g_B*) = proj(g_A, g_B)       G̃ = s·(B·g_A* + g_B*·A)          D = Adam(G̃), m×n
 * (d_A, d_B)   = proj(s·Bᵀ·D, s·D·Aᵀ)
 * S_B·X + X·S_A = −d_A·Aᵀ
 * A ← (1 − η·λ)·A − η·(d_A + X·A)      B ← (1 − η·λ)·B − η·(d_B − B·X)
 * </pre>
 *
 * At the first step B = 0 makes {@code G̃ = s⁻¹·g_B·S_A⁻¹·A} and leaves A where it is, whatever δ is. The authors' code decays
 * each factor by √(1 − η·λ), and the frozen weight too; here decay is AdamW's on each factor.
 */
public final class LoraPro {
    private static final Damping DAMPING = new Damping.Absolute(1e-8, 1e-8);

    private LoraPro() {}

    /** State: that of full fine-tuning, {@code 2·m·n} floats a pair. */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config) {
        List<PairRule> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            rules.add(new Rule(pair, config));
        }
        return new PairOptimizer(rules);
    }

    /**
     * The solution X of the Sylvester equation {@code S·X + X·T = C} for symmetric positive semidefinite S and T, in their
     * eigenvectors: {@code X = Q_S·(Q_Sᵀ·C·Q_T ⊘ (λ_S,i + λ_T,j))·Q_Tᵀ}. Zero where both eigenvalues are.
     *
     * @param s {@code (r, r)}, as t and c
     */
    static Tensor sylvester(Tensor s, Tensor t, Tensor c) {
        Eigen ofS = Eigen.of(s);
        Eigen ofT = Eigen.of(t);
        Tensor sums = ofS.values().unsqueeze(1).add(ofT.values().unsqueeze(0));
        Tensor inEigenvectors = ofS.vectors().t().mm(c).mm(ofT.vectors());
        Tensor x = inEigenvectors.mul_(reciprocal(sums));
        return ofS.vectors().mm(x).mm(ofT.vectors().t());
    }

    private static Tensor reciprocal(Tensor sums) {
        return torch.where(sums.gt(new Scalar(0.0)), sums.reciprocal(), new Scalar(0.0));
    }

    /** What there is for each of the factors, float64. */
    private record Adjusted(Tensor a, Tensor b) {}

    private static final class Rule implements PairRule {
        private final LowRankPair pair;
        private final AdamWConfig config;
        private final Moments moments;
        private final Basis gramA;
        private final Basis gramB;

        Rule(LowRankPair pair, AdamWConfig config) {
            this.pair = pair;
            this.config = config;
            try (NativeScope scope = new NativeScope()) {
                Tensor a = pair.loraA().detach();
                moments = new Moments(new long[] {pair.loraB().size(0), a.size(1)}, a, config);
            }
            gramA = new Basis(pair, Factor.A, DAMPING);
            gramB = new Basis(pair, Factor.B, DAMPING);
        }

        @Override
        public LowRankPair pair() {
            return pair;
        }

        @Override
        public List<Basis> bases() {
            return List.of(gramA, gramB);
        }

        @Override
        public void readGradients(long t, NormSum norm) {
            for (Factor factor : Factor.values()) {
                norm.add(factor.wideGrad(pair).square().sum());
            }
        }

        @Override
        public void step(long t, double learningRate, double gradScale) {
            Tensor a = pair.loraA().detach();
            Tensor b = pair.loraB().detach();
            Scalar s = new Scalar(pair.scale());
            Adjusted grad = proj(exact(pair.loraA().grad()), exact(pair.loraB().grad()));

            Adjusted ofW = quotient(a, b, rounded(grad.a), rounded(grad.b), gradScale, t);
            Adjusted step = proj(ofW.a.mul_(s), ofW.b.mul_(s));
            Tensor x = sylvester(
                    gramB.gram(), gramA.gram(), step.a.mm(exact(a).t()).neg());
            Tensor stepA = step.a.add(x.mm(exact(a)));
            Tensor stepB = step.b.sub(exact(b).mm(x));

            Scalar decay = new Scalar(1 - learningRate * config.weightDecay());
            a.mul_(decay).sub_(rounded(stepA), new Scalar(learningRate));
            b.mul_(decay).sub_(rounded(stepB), new Scalar(learningRate));
            reloaded();
        }

        /**
         * {@code Bᵀ·D} and {@code D·Aᵀ}, after the moments have taken in {@code gradScale·G̃}: some rows of W after the others, since
         * each element of D goes its own way, so that beside the moments nothing of the size of W is held.
         */
        private Adjusted quotient(Tensor a, Tensor b, Tensor gradA, Tensor gradB, double gradScale, long t) {
            Scalar scale = new Scalar(pair.scale() * gradScale);
            Tensor ofA = torch.zeros_like(exact(a));
            Tensor ofB = torch.empty_like(exact(b));
            // G̃, the root and D of a row at once
            Tiles.of(a).along(b.size(0), 3 * a.size(1), (from, count) -> {
                UnaryOperator<Tensor> rows = whole -> whole.narrow(0, from, count);
                Tensor strip = rows.apply(b);
                Moments own = moments.some(rows);
                own.accumulate(strip.mm(gradA).addmm_(rows.apply(gradB), a).mul_(scale));
                Tensor d = own.quotient(t);
                ofA.add_(strip.t().mm(d));
                rows.apply(ofB).copy_(d.mm(a.t()));
            });
            return new Adjusted(ofA, ofB);
        }

        private Adjusted proj(Tensor gradA, Tensor gradB) {
            Scalar perScale = new Scalar(1 / (pair.scale() * pair.scale()));
            Tensor b = exact(pair.loraB().detach());
            Tensor inColumns = b.mm(gramB.inverse().mm(b.t().mm(gradB)));
            return new Adjusted(
                    gramB.inverse().mm(gradA).mul_(perScale),
                    gradB.sub(inColumns).mm(gramA.inverse()).mul_(perScale));
        }

        private static Tensor exact(Tensor tensor) {
            return tensor.to(ScalarType.Double);
        }

        private Tensor rounded(Tensor tensor) {
            return tensor.to(pair.loraA().scalar_type());
        }

        @Override
        public void addState(Map<String, Tensor> all) {
            moments.addState(pair.name(), all);
        }

        @Override
        public void reloaded() {
            gramA.renew();
            gramB.renew();
        }

        @Override
        public void close() {
            moments.close();
            gramA.close();
            gramB.close();
        }
    }
}
