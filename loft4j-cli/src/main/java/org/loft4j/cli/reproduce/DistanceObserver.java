package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.TrialObserver;
import org.loft4j.nn.Model;
import org.loft4j.train.DistanceRecorder;
import org.loft4j.train.LayerUpdates;
import org.loft4j.train.StartingWeights;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainListener;
import org.loft4j.train.TrainingRun;
import org.loft4j.train.UpdateRecorder;

/** Writes down a reference run's changes of the weights, or logs a run's distance from them. */
final class DistanceObserver implements TrialObserver {
    /** The log in a trial's directory. */
    static final String LOG = "distance.jsonl";

    /** Points of the run at which it is looked, as shares of its steps. */
    private static final double[] POINTS = {0.1, 0.25, 0.5, 0.75, 1};

    private final Path reference;
    private final @Nullable Path log;
    private final @Nullable StartingWeights start;
    private @Nullable TrainListener recorder;

    /** @param log null for the reference run itself */
    private DistanceObserver(Path reference, @Nullable Path log, @Nullable StartingWeights start) {
        this.reference = reference;
        this.log = log;
        this.start = start;
    }

    /** Of a run that others are compared with. */
    static DistanceObserver ofReference(Model model, Path reference) {
        return new DistanceObserver(reference, null, new StartingWeights(model));
    }

    /** Of a run that is compared, of full fine-tuning or of an adapter. */
    static DistanceObserver ofRun(Model model, boolean adapts, Path reference, Path place) {
        return new DistanceObserver(reference, place.resolve(LOG), adapts ? null : new StartingWeights(model));
    }

    /** The steps at which it is looked, of a run of so many. */
    static Set<Long> steps(long total) {
        Set<Long> steps = new TreeSet<>();
        for (double point : POINTS) {
            steps.add(Math.max(1, Math.round(point * total)));
        }
        return steps;
    }

    @Override
    public void opened(TrainingRun run) throws IOException {
        LayerUpdates updates = start != null
                ? start
                : LayerUpdates.of(Objects.requireNonNull(run.trainable().adapter()));
        if (log == null && run.step() == 0) {
            forgetEarlierRun();
        }
        recorder = log == null
                ? new UpdateRecorder(updates, steps(run.totalSteps()), reference)
                : new DistanceRecorder(updates, reference, log, run.step());
    }

    /** A reference that was killed may have left changes at other steps. */
    private void forgetEarlierRun() throws IOException {
        if (Files.isDirectory(reference)) {
            try (DirectoryStream<Path> old = Files.newDirectoryStream(reference, "*.safetensors")) {
                for (Path file : old) {
                    Files.delete(file);
                }
            }
        }
    }

    @Override
    public void onStep(StepEvent event) {
        if (recorder != null) {
            recorder.onStep(event);
        }
    }

    @Override
    public void close() throws IOException {
        if (recorder instanceof DistanceRecorder opened) {
            opened.close();
        }
        if (start != null) {
            start.close();
        }
    }
}
