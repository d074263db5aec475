package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

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

    /** The line of the log: the step, and sums and ratios for all layers together and for each. */
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

    /**
     * Reads a log back, by step.
     *
     * @throws CheckpointException if it is not what {@link #tree} says
     */
    public static SortedMap<Long, UpdateDistance> read(Path log) throws IOException {
        SortedMap<Long, UpdateDistance> bySteps = new TreeMap<>();
        for (String line : Files.readAllLines(log)) {
            JsonObject json = Json.parse(log, line);
            List<UpdateDistance.Layer> layers = new ArrayList<>();
            for (JsonNode layer : json.toTree().path("layers")) {
                layers.add(new UpdateDistance.Layer(
                        layer.path("path").asText(),
                        layer.path("squared_error").asDouble(Double.NaN),
                        layer.path("inner").asDouble(Double.NaN),
                        layer.path("squared_norm").asDouble(Double.NaN),
                        layer.path("squared_reference").asDouble(Double.NaN)));
            }
            bySteps.put(json.requireLong("step"), new UpdateDistance(layers));
        }
        return bySteps;
    }

    private static Map<String, Object> numbers(UpdateDistance.Layer layer) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        numbers.put("squared_error", layer.squaredError());
        numbers.put("inner", layer.inner());
        numbers.put("squared_norm", layer.squaredNorm());
        numbers.put("squared_reference", layer.squaredReference());
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
