package org.loft4j.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Set;

/** Writes down what a run has changed, at chosen steps: the reference that {@link DistanceRecorder} compares with. */
public final class UpdateRecorder implements TrainListener {
    private final LayerUpdates updates;
    private final Set<Long> steps;
    private final Path directory;

    /**
     * @param updates of the run
     * @param steps after which they are written
     * @param directory for one file a step, see {@link SavedUpdates#file}
     */
    public UpdateRecorder(LayerUpdates updates, Set<Long> steps, Path directory) {
        this.updates = updates;
        this.steps = Set.copyOf(steps);
        this.directory = directory;
    }

    @Override
    public void onStep(StepEvent event) {
        if (steps.contains(event.step())) {
            try {
                SavedUpdates.write(SavedUpdates.file(directory, event.step()), updates);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
