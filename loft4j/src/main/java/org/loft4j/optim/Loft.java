package org.loft4j.optim;

import java.util.List;

/**
 * LoFT (Tastan, Laskaridis, Takáč, Nandakumar, Horváth, "LoFT: Low-Rank Adaptation That Behaves Like Full Fine-Tuning", ICLR
 * 2026, arXiv 2505.21289): each step changes {@code W = W0 + s·B·A} by the closest that the factors can express to the change
 * that AdamW on W would have made. One factor moves a step, B on steps 1, 3, 5 …, A on steps 2, 4, 6 … There is no alpha: the
 * trajectory of W does not depend on it, and at full rank it is AdamW's.
 */
public final class Loft {
    private Loft() {}

    /** LoFT-AdamW, all six blocks but those left out. State: {@code (m + n)·(r + r(r+1)/2)} floats a pair. */
    public static Optimizer adamW(List<LowRankPair> pairs, LoftConfig config) {
        return new PairOptimizer(
                pairs.stream().<PairRule>map(pair -> rule(pair, config)).toList());
    }

    /**
     * LoFT-simple: alternation, scaled gradients, carried-over momentum and aligned clipping, with an elementwise second
     * moment in factor space. State: LoRA's, {@code 2·(m + n)·r} floats a pair.
     */
    public static Optimizer simple(List<LowRankPair> pairs, LoftConfig config) {
        return adamW(pairs, config.without(LoftBlock.SECOND_MOMENT, LoftBlock.PROJECTED_UPDATE));
    }

    private static PairRule rule(LowRankPair pair, LoftConfig config) {
        return config.reference() ? new PublishedLoftPair(pair, config) : new LoftPair(pair, config);
    }
}
