package org.loft4j.optim;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.Checks;

/**
 * LoRA+ (Hayou, Ghosh, Yu, "LoRA+: Efficient Low Rank Adaptation of Large Models", ICML 2024, arXiv 2402.12354):
 * AdamW on both factors, with a learning rate for B that is a multiple of A's,
 *
 * <pre>
 * η_A = η        η_B = λ·η
 * </pre>
 *
 * so that both contribute to the features as the width grows. The paper recommends λ = 2⁴.
 */
public final class LoraPlus {
    /** λ as the paper recommends it. */
    public static final double RATIO = 16;

    private LoraPlus() {}

    /**
     * Two groups, A's first. State: LoRA's, {@code 2·(m + n)·r} floats a pair.
     *
     * @param learningRate η, of A
     * @param ratio λ, greater than 0
     */
    public static List<OptimizerGroups.Group> groups(
            List<LowRankPair> pairs, AdamWConfig config, double learningRate, double ratio) {
        Checks.positive("lora_plus.ratio", ratio);
        List<NamedParameter> a = new ArrayList<>();
        List<NamedParameter> b = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            a.add(new NamedParameter(pair.name() + ".lora_A", pair.loraA()));
            b.add(new NamedParameter(pair.name() + ".lora_B", pair.loraB()));
        }
        return List.of(
                new OptimizerGroups.Group("factors_a", new AdamW(a, config), learningRate),
                new OptimizerGroups.Group("factors_b", new AdamW(b, config), ratio * learningRate));
    }
}
