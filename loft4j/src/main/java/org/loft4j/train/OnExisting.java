package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;

/** What to do with an output directory that holds a run already. */
public enum OnExisting {
    /** Do not touch it. */
    REFUSE,
    /** Go on from its newest whole checkpoint; start anew where there is none. */
    RESUME,
    /** Remove it when the new run begins, and start anew. */
    OVERWRITE;

    /** Whether an output directory holds a run: a checkpoint, or the state of one that has ended. It need not exist. */
    public static boolean holdsRun(Path directory) throws IOException {
        return RunOutput.holdsRun(directory);
    }
}
