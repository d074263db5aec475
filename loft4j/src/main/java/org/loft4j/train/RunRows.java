package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.MiniBatch;

/**
 * The rows of a run as its steps and evaluations take them. Preferences whose loss has a reference are not ready before it is known
 * what the model held of them.
 */
final class RunRows implements AutoCloseable {
    private final TrainConfig config;
    private final RunPlan plan;
    private TrainData data;
    private volatile @Nullable StepBatches batches;

    RunRows(TrainData data, TrainConfig config, RunPlan plan) {
        this.config = config;
        this.plan = plan;
        this.data = data;
        if (!PreferenceReference.isNeeded(data, config)) {
            begin(data);
        }
    }

    private void begin(TrainData ready) {
        data = ready;
        batches = new StepBatches(
                ready.train().batches(config.batchSize(), config.groupByLength(), config.seed(), ready.padId()),
                plan,
                config.gradientAccumulationSteps());
    }

    TrainData data() {
        return data;
    }

    /** Whether batches can be taken. May be asked from any thread. */
    boolean areReady() {
        return batches != null;
    }

    /** Makes preferences ready with what {@link #takeReference} wrote when the run began. */
    void readReference(Path directory) throws IOException {
        begin(PreferenceReference.read(data, directory));
    }

    /** Makes preferences ready with what the model holds of them now; false where that was given up. */
    boolean takeReference(Evaluator evaluator, Path directory, BooleanSupplier givenUp, Evaluator.Progress progress)
            throws IOException {
        TrainData ready = PreferenceReference.take(data, evaluator, directory, givenUp, progress);
        if (ready != null) {
            begin(ready);
        }
        return ready != null;
    }

    /** The micro-batches of a step, of which so many have been taken before. */
    List<MiniBatch> take(long step) throws IOException {
        return Objects.requireNonNull(batches, "not ready").take(step);
    }

    @Override
    public void close() throws IOException {
        StepBatches open = batches;
        if (open != null) {
            open.close();
        }
    }
}
