package org.loft4j.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An answer that a model has given, and what rewards have said of it.
 *
 * @param answer what they were told
 * @param rewards of each its number, by name, before it is weighted
 * @param reward the sum of them, each times its weight
 * @param advantage how much better it is than the others to its prompt, as the loss has it; null where it has no others
 * @param tokens of the answer, its end included
 * @param ended whether it came to an end before the greatest length
 */
public record RewardedAnswer(
        Reward.Answer answer,
        Map<String, Double> rewards,
        double reward,
        @Nullable Double advantage,
        int tokens,
        boolean ended) {
    public RewardedAnswer {
        rewards = Collections.unmodifiableMap(new LinkedHashMap<>(rewards));
    }
}
