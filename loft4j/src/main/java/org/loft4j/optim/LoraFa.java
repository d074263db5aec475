package org.loft4j.optim;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/**
 * LoRA-FA (Zhang, Zhang, Shi, Chu, Li, "LoRA-FA: Memory-efficient Low-rank Adaptation for Large Language Models Fine-tuning",
 * arXiv 2308.03303): A stays as it was drawn, and B's gradient is scaled so that {@code s·g_B·A} is the full gradient's
 * projection on A's row space,
 *
 * <pre>
 * g_B ← s⁻²·g_B·(A·Aᵀ + δ)⁻¹,  δ = 1e-8,  then AdamW on B
 * </pre>
 *
 * as in the paper's later versions and in PEFT. Directions whose eigenvalue is up to {@code r·2⁻²³} of the largest are left out, as
 * PEFT's pseudo-inverse does in float32: where a matrix has fewer than r columns there are some, and the gradient along them is
 * rounding. A gets no update, no decay and no state, and asks for no gradient
 * until the optimizer is closed.
 */
public final class LoraFa {
    private static final double DELTA = 1e-8;
    /** The distance from 1 to the next float. */
    private static final double FLOAT = 0x1p-23;

    private LoraFa() {}

    /** Freezes the A of every pair until it is closed. State: {@code 2·m·r} floats a pair. */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config) {
        List<PairRule> rules = new ArrayList<>();
        try (NativeScope scope = new NativeScope()) {
            for (LowRankPair pair : pairs) {
                pair.loraA().set_requires_grad(false);
                rules.add(new ScaledAdamWPair(pair, config, new Projection(pair), EnumSet.of(Factor.B)));
            }
        }
        return new PairOptimizer(rules);
    }

    /** Of B's gradient, by the frozen A. */
    private static final class Projection implements GradientScaling {
        private final LowRankPair pair;
        private final Basis a;

        Projection(LowRankPair pair) {
            this.pair = pair;
            this.a = new Basis(
                    pair, Factor.A, new Damping.Ridge(DELTA, pair.loraA().size(0) * FLOAT));
        }

        @Override
        public Tensor scale(Factor factor, Tensor grad, long t) {
            return a.inverse().mm(grad).mul_(new Scalar(1 / (pair.scale() * pair.scale())));
        }

        @Override
        public List<Basis> bases() {
            return List.of(a);
        }

        @Override
        public void written() {
            // A never is
        }

        @Override
        public void reloaded() {
            a.reload();
        }

        @Override
        public void close() {
            a.close();
            // whoever goes on with another optimizer wants A's gradient again; factors that were freed first want
            // nothing
            if (!pair.loraA().isNull()) {
                pair.loraA().set_requires_grad(true);
            }
        }
    }
}
