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

        /** What of one prompt's continuation may be one of several that are chosen from: nothing yet. */
        default Draft draft(int row) {
            return Draft.ENDLESS;
        }

        /** Hears that the model is about to read on, before each token of the batch; what it throws ends the call. */
        default void onStep() {}
    }

    /** A continuation that may be the one in the end, as a beam is; of the one that is, a listener hears then. */
    @FunctionalInterface
    interface Draft {
        /** Goes on until a stop id or the length ends it. */
        Draft ENDLESS = id -> Draft.ENDLESS;

        /** The same with one more id, which ends no text by itself; it stays as it is. */
        Draft with(long id);

        /** Whether the last id has ended it, by a stop string for instance: as where a listener wants no more. */
        default boolean isEnded() {
            return false;
        }
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
