package org.loft4j.optim;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.ConfigException;

/**
 * LoFT (Tastan, Laskaridis, Takáč, Nandakumar, Horváth, "LoFT: Low-Rank Adaptation That Behaves Like Full Fine-Tuning", ICLR
 * 2026, arXiv 2505.21289): each step changes {@code W = W0 + s·B·A} by the closest that the factors can express to the change
 * that AdamW on W would have made. One factor moves a step, B on steps 1, 3, 5 …, A on steps 2, 4, 6 … There is no alpha: the
 * trajectory of W does not depend on it, and at full rank it is AdamW's.
 */
public final class Loft {
    private Loft() {}

    /** LoFT-AdamW, all six blocks but those left out. State: {@code (m + n)·(r + r(r+1)/2 + 2)} floats a pair. */
    public static Optimizer adamW(List<LowRankPair> pairs, LoftConfig config) {
        if (config.reference()) {
            return new PairOptimizer(pairs.stream()
                    .map(pair -> new PublishedLoftPair(pair, config))
                    .toList());
        }
        return of(pairs, config, (pair, factor) -> new AdamWUpdate(config, factor.wide(pair)));
    }

    /**
     * LoFT in the tangent space of the products of rank r, which goes beyond the paper: both factors move in every step,
     * {@code ΔW = D_B·P_A + P_B·D_A·(I − P_A)}, where D_B and D_A are the AdamW quotients of {@code G·P_A} and of {@code P_B·G}.
     * What both factors could express is left to B, so that nothing is counted twice; at full rank A rests, and W moves as
     * under AdamW. State: {@code (m + n)·(r + r(r+1)/2)} floats a pair; a step costs two of block 5 in place of one.
     */
    public static Optimizer tangent(List<LowRankPair> pairs, LoftConfig config) {
        return adamW(pairs, config.withTangent(true));
    }

    /**
     * LoFT-simple: alternation, scaled gradients, carried-over momentum and aligned clipping, with an elementwise second
     * moment in factor space. State: LoRA's, {@code 2·(m + n)·r} floats a pair.
     */
    public static Optimizer simple(List<LowRankPair> pairs, LoftConfig config) {
        return adamW(pairs, config.without(LoftBlock.SECOND_MOMENT, LoftBlock.PROJECTED_UPDATE));
    }

    /**
     * LoFT-SGD: the change of W is the closest to that of gradient descent with momentum, {@code m ← β₁·m + G},
     * {@code W ← W − η·m}, decay decoupled. β₂ and ε have no part in it. State: {@code (m + n)·r} floats a pair.
     */
    public static Optimizer sgd(List<LowRankPair> pairs, LoftConfig config) {
        return of(pairs, firstOrder("loft-sgd", config), (pair, factor) -> new SgdUpdate(config, factor.wide(pair)));
    }

    /**
     * LoFT-Lion: the change of W is the closest to that of Lion (arXiv 2302.06675), whose own betas are (0.9, 0.99) and whose
     * learning rate is a third to a tenth of AdamW's. ε has no part in it. State: {@code (m + n)·r} floats a pair.
     */
    public static Optimizer lion(List<LowRankPair> pairs, LoftConfig config) {
        return of(pairs, firstOrder("loft-lion", config), (pair, factor) -> new LionUpdate(config, factor.wide(pair)));
    }

    /**
     * LoFT-Muon: the change of W is the closest to that of {@link Muon}, whose own momentum β₁ is 0.95, with AdamW's learning
     * rates. β₂ and ε have no part in it. State: {@code (m + n)·r} floats a pair, and no work of W's size.
     */
    public static Optimizer muon(List<LowRankPair> pairs, LoftConfig config) {
        return of(
                pairs,
                firstOrder("loft-muon", config),
                (pair, factor) -> new MuonUpdate(config, pair, factor.wide(pair)));
    }

    private static Optimizer of(List<LowRankPair> pairs, LoftConfig config, FactorUpdate.Maker update) {
        EpsWatch watch = new EpsWatch(config.eps(), pairs.size());
        List<LoftPair> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            rules.add(new LoftPair(pair, config, update, rules.size(), watch));
        }
        return new PairOptimizer(rules);
    }

    /** The configuration, if it asks for nothing that a second moment is needed for. */
    private static LoftConfig firstOrder(String method, LoftConfig config) {
        if (config.reference() || !config.has(LoftBlock.SECOND_MOMENT) || !config.has(LoftBlock.PROJECTED_UPDATE)) {
            throw new ConfigException(method + " has neither a second moment nor a published code: leave out blocks"
                    + " among alternation, gradient-scaling, first-moment, clipping");
        }
        return config;
    }
}
