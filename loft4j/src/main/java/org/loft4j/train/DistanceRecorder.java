package org.loft4j.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares what a run has changed with what a reference run had changed after as many steps, wherever that was written down, and
 * logs it as JSON Lines.
 */
public final class DistanceRecorder implements TrainListener, AutoCloseable {
    private final LayerUpdates updates;
    private final Path reference;
    private final RunLog log;

    /**
     * @param updates of the run
     * @param reference directory that an {@link UpdateRecorder} wrote
     * @param log file of the distances; lines of steps after {@code lastStep} are dropped
     * @param lastStep steps behind the run: 0, or more when it goes on
     */
    public DistanceRecorder(LayerUpdates updates, Path reference, Path log, long lastStep) throws IOException {
        this.updates = updates;
        this.reference = reference;
        this.log = RunLog.open(log, lastStep);
    }

    @Override
    public void onStep(StepEvent event) {
        Path file = SavedUpdates.file(reference, event.step());
        if (!Files.exists(file)) {
            return;
        }
        try (SavedUpdates saved = SavedUpdates.open(file)) {
            log.append(tree(event.step(), UpdateDistance.between(updates, saved)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The line of the log: the step, and three numbers for all layers together and for each. */
    public static Map<String, Object> tree(long step, UpdateDistance distance) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("step", step);
        tree.putAll(numbers(distance.overall()));
        List<Map<String, Object>> layers = new ArrayList<>();
        for (UpdateDistance.Layer layer : distance.layers()) {
            Map<String, Object> each = new LinkedHashMap<>();
            each.put("path", layer.path());
            each.putAll(numbers(layer));
            layers.add(each);
        }
        tree.put("layers", layers);
        return tree;
    }

    private static Map<String, Object> numbers(UpdateDistance.Layer layer) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        numbers.put("relative_error", layer.relativeError());
        numbers.put("cosine", layer.cosine());
        numbers.put("norm_ratio", layer.normRatio());
        return RunLog.finite(numbers);
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
