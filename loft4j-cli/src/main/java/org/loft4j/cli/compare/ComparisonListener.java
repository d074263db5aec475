package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Model;
import org.loft4j.train.TrainListener;

/** Hears of a comparison as it goes. Called on the thread that trains. */
public interface ComparisonListener {
    /** Once, before anything starts: what the directory holds goes together with what is asked for. */
    default void onAgreement() throws IOException {}

    /** Before a trial starts; what comes back hears of its steps. */
    default @Nullable TrainListener onStart(Trial trial, Remaining remaining) {
        return null;
    }

    /**
     * Lets someone look into a trial. Called before its run is opened, when the model's weights are those of its directory.
     *
     * @param place directory of the trial
     * @return null for no one
     */
    default @Nullable TrialObserver observe(Trial trial, Path place, Model model) throws IOException {
        return null;
    }

    /** After a trial has left its result. */
    default void onFinish(TrialResult result, Remaining remaining) {}

    /** Once, when all that is left hangs on trials of other processes. */
    default void onWait(int held) {}
}
