package org.loft4j.model;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/**
 * What has judged the answers of a training, so that the model is judged in the same way.
 *
 * @param rewards by the words in which they were described, one at least
 * @param weights of each
 * @param maxCompletionLength tokens that an answer had at most
 */
public record TrainedRewards(List<String> rewards, List<Double> weights, int maxCompletionLength) {
    private static final String REWARDS = "rewards";
    private static final String WEIGHTS = "reward_weights";
    private static final String LENGTH = "max_completion_length";

    public TrainedRewards {
        rewards = List.copyOf(rewards);
        weights = List.copyOf(weights);
    }

    /** Null where a training had no rewards, or was one from before this was written down. */
    static @Nullable TrainedRewards read(JsonObject json) throws CheckpointException {
        List<String> rewards = json.strings(REWARDS);
        if (rewards.isEmpty()) {
            return null;
        }
        List<Double> weights =
                Arrays.stream(json.requireDoubles(WEIGHTS)).boxed().toList();
        if (weights.size() != rewards.size()) {
            throw json.fault(
                    WEIGHTS,
                    "must be as many as there are " + REWARDS + ", " + rewards.size() + ", found " + weights.size());
        }
        return new TrainedRewards(rewards, weights, json.requireInt(LENGTH, 1));
    }

    void put(Map<String, @Nullable Object> tree) {
        tree.put(REWARDS, rewards);
        tree.put(WEIGHTS, weights);
        tree.put(LENGTH, maxCompletionLength);
    }
}
