package org.loft4j.optim;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * Settings of {@link Loft}. There is no alpha and nothing else to tune: the learning rate, betas, eps and decay are those of
 * AdamW on the full matrix.
 *
 * @param beta1 decay rate of the first moment, in [0, 1)
 * @param beta2 decay rate of the second moment, in [0, 1)
 * @param eps added to the root of the second moment: in W-space for LoFT-AdamW, in factor space for LoFT-simple
 * @param weightDecay decoupled decay of the active factor, multiplied by the learning rate
 * @param damping how Gram matrices are inverted
 * @param without blocks that are left out
 * @param maxRelativeStep guard of A: largest {@code ‖B·ΔA‖_F / ‖B·A‖_F} of a step, to which a longer one is scaled down; 0 for none.
 *     From {@code B = 0} the first step of A has a ratio near 1 at any learning rate: the subspace in which B has just taken its
 *     first step is turned over. The ratio is measured in W-space, so neither alpha nor the basis changes it. B, which starts at zero,
 *     may grow as it will
 * @param reference whether to do what the authors' published code does: see {@link #publishedCode}
 * @param tangent whether both factors move in every step, A only where B does not: see {@link Loft#tangent}
 * @param matchRate whether the learning rate of a pair is raised by what its factors do not capture: see {@link RateMatch}
 * @param bfloat16CrossTerms whether the second moment's cross terms are kept in bfloat16, half of their memory, and computed with
 *     in the factors' type: see {@link DitheredBfloat16}
 */
public record LoftConfig(
        double beta1,
        double beta2,
        double eps,
        double weightDecay,
        Damping damping,
        Set<LoftBlock> without,
        double maxRelativeStep,
        boolean reference,
        boolean tangent,
        boolean matchRate,
        boolean bfloat16CrossTerms)
        implements OptimizerConfig {
    public LoftConfig {
        Checks.fraction("loft.beta1", beta1);
        Checks.fraction("loft.beta2", beta2);
        Checks.positive("loft.eps", eps);
        Checks.notNegative("loft.weight_decay", weightDecay);
        Checks.notNegative("loft.max_relative_step", maxRelativeStep);
        without = Set.copyOf(without);
        if (reference && maxRelativeStep > 0) {
            throw new ConfigException("loft.reference has no guard: leave loft.max_relative_step out");
        }
        if (reference && (tangent || matchRate)) {
            throw new ConfigException(
                    "loft.reference takes turns at one rate: leave out loft.tangent and loft.match_rate");
        }
        if (reference && bfloat16CrossTerms) {
            throw new ConfigException(
                    "loft.reference keeps its moments in float32: leave out loft.bfloat16_cross_terms");
        }
        if (reference && !without.isEmpty()) {
            throw new ConfigException("loft.reference and loft.without exclude each other: leave one of them out, got "
                    + LoftBlock.words(without));
        }
    }

    /** All six blocks. */
    public LoftConfig(double beta1, double beta2, double eps, double weightDecay, Damping damping) {
        this(beta1, beta2, eps, weightDecay, damping, Set.of(), 0, false, false, false, false);
    }

    /** β = (0.9, 0.999), ε = 1e-8, no decay, relative damping 1e-8, all six blocks. */
    public static LoftConfig defaults() {
        return new LoftConfig(0.9, 0.999, 1e-8, 0, new Damping.Relative(1e-8));
    }

    /**
     * What the authors' published code does (github.com/tnurbek/loft, {@code LoFTAdamW}), for comparisons with published
     * curves: ε = 1e-4, absolute damping 1e-8 of A·Aᵀ and 1e-6 of Bᵀ·B, decay not multiplied by the learning rate, alpha not
     * taken out, the second moment carried over by the transposed matrix, and B's gradient projected, on the steps of A, on the A
     * that was just written.
     */
    public static LoftConfig publishedCode() {
        return new LoftConfig(
                0.9, 0.999, 1e-4, 0, new Damping.Absolute(1e-8, 1e-6), Set.of(), 0, true, false, false, false);
    }

    /** Whether a block is there. */
    boolean has(LoftBlock block) {
        return !without.contains(block);
    }

    public LoftConfig withWeightDecay(double decay) {
        return with(draft -> draft.weightDecay = decay);
    }

    /** The same with both factors moving in every step. */
    public LoftConfig withTangent(boolean both) {
        return with(draft -> draft.tangent = both);
    }

    /** The same with the learning rate of each pair raised by what its factors do not capture, or not. */
    public LoftConfig withMatchRate(boolean match) {
        return with(draft -> draft.matchRate = match);
    }

    /** The same with further blocks left out. */
    public LoftConfig without(LoftBlock... blocks) {
        Set<LoftBlock> all = new HashSet<>(without);
        all.addAll(Arrays.asList(blocks));
        return with(draft -> draft.without = all);
    }

    public LoftConfig withMaxRelativeStep(double bound) {
        return with(draft -> draft.maxRelativeStep = bound);
    }

    public LoftConfig withDamping(Damping other) {
        return with(draft -> draft.damping = other);
    }

    /** The same with the cross terms kept in bfloat16, or not. */
    public LoftConfig withBfloat16CrossTerms(boolean half) {
        return with(draft -> draft.bfloat16CrossTerms = half);
    }

    private LoftConfig with(Consumer<Draft> change) {
        Draft draft = new Draft();
        change.accept(draft);
        return draft.config();
    }

    /** This configuration, to be changed. */
    private final class Draft {
        private double weightDecay = LoftConfig.this.weightDecay;
        private Damping damping = LoftConfig.this.damping;
        private Set<LoftBlock> without = LoftConfig.this.without;
        private double maxRelativeStep = LoftConfig.this.maxRelativeStep;
        private boolean tangent = LoftConfig.this.tangent;
        private boolean matchRate = LoftConfig.this.matchRate;
        private boolean bfloat16CrossTerms = LoftConfig.this.bfloat16CrossTerms;

        private LoftConfig config() {
            return new LoftConfig(
                    beta1,
                    beta2,
                    eps,
                    weightDecay,
                    damping,
                    without,
                    maxRelativeStep,
                    reference,
                    tangent,
                    matchRate,
                    bfloat16CrossTerms);
        }
    }
}
