package org.loft4j.cli.compare;

import java.io.IOException;
import org.loft4j.train.TrainListener;
import org.loft4j.train.TrainingRun;

/** Looks into the run of one trial: hears of its steps, and is closed when it ends. */
public interface TrialObserver extends TrainListener, AutoCloseable {
    /** The run has been opened, on a checkpoint's weights if it goes on. */
    void opened(TrainingRun run) throws IOException;

    @Override
    void close() throws IOException;
}
