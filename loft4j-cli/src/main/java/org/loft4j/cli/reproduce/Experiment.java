package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One experiment, ready to run. */
public interface Experiment {
    /**
     * Runs it; null if it was stopped, or if other processes are still at work on it.
     *
     * @param say gets one line of text for each thing that takes long
     */
    @Nullable
    Findings run(Consumer<String> say) throws IOException;

    /** Ends the run after the step in progress, where it takes long. May be called from any thread. */
    default void requestStop() {}
}
