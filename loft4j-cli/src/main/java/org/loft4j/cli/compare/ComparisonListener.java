package org.loft4j.cli.compare;

import org.jspecify.annotations.Nullable;
import org.loft4j.train.TrainListener;

/** Hears of a comparison as it goes. Called on the thread that trains. */
public interface ComparisonListener {
    /** Before a trial starts; what comes back hears of its steps. */
    default @Nullable TrainListener onStart(Trial trial, Remaining remaining) {
        return null;
    }

    /** After a trial has left its result. */
    default void onFinish(TrialResult result, Remaining remaining) {}

    /** Once, when all that is left hangs on trials of other processes. */
    default void onWait(int held) {}
}
