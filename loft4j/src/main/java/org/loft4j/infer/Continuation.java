package org.loft4j.infer;

import java.util.Arrays;

/**
 * How a model went on with a prompt.
 *
 * @param ids the new ids, with the stop id if one came
 * @param stop why there are no more
 */
public record Continuation(long[] ids, Stop stop) {
    /** Why a continuation ended. */
    public enum Stop {
        /** A stop id came. */
        STOP_ID,
        /** The listener had enough, or its draft of a beam was ended, for instance at a stop string. */
        LISTENER,
        /** As many tokens as were asked for. */
        MAX_NEW_TOKENS,
        /** The sequence is as long as the model was made for. */
        MAX_POSITIONS
    }

    public Continuation {
        ids = ids.clone();
    }

    @Override
    public long[] ids() {
        return ids.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Continuation that && Arrays.equals(ids, that.ids) && stop == that.stop;
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(ids) + stop.hashCode();
    }

    @Override
    public String toString() {
        return Arrays.toString(ids) + " " + stop;
    }
}
