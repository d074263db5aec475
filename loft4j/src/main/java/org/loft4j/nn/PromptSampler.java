package org.loft4j.nn;

import java.util.List;
import java.util.Set;

/** Continues prompts by chance, with a model as it is: what a training by rewards learns from. {@code infer.Generator} is one. */
public interface PromptSampler {
    /** Hears each new id as it comes. */
    @FunctionalInterface
    interface Listener {
        /**
         * A new id of one prompt's continuation, the stop id included.
         *
         * @param row number of the prompt, from 0
         * @return whether that continuation shall go on
         */
        boolean onToken(int row, long id);

        /** Hears that the model is about to read on, before each token of the batch; what it throws ends the call. */
        default void onStep() {}
    }

    /**
     * Continues prompts. What is drawn is a function of the logits, the seed, the number of the row and that of the token alone.
     *
     * @param prompts each of at least one id
     * @param firstRow number of the first of them among all that are continued with this seed
     * @param maxNewTokens at least 1
     * @param stopIds ids that end a continuation
     * @param draw how each token is drawn
     * @return the ids of each continuation, with the stop id where it came
     */
    List<long[]> sample(
            List<long[]> prompts,
            long firstRow,
            int maxNewTokens,
            Set<Long> stopIds,
            TokenDraw draw,
            long seed,
            Listener listener);
}
