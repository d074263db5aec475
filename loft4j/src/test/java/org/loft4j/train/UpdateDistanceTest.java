package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Tensors;

class UpdateDistanceTest {
    @TempDir
    Path directory;

    /** Changes as plain arrays, each {@code (rows, 3)}. */
    private record Plain(Map<String, double[]> layers) implements LayerUpdates {
        @Override
        public Set<String> paths() {
            return layers.keySet();
        }

        @Override
        public Tensor update(String path) {
            double[] values = layers.get(path);
            return Tensors.of(values, values.length / 3, 3);
        }

        @Override
        public void close() {}
    }

    @Test
    void theNumbersAreThoseOfAPlainTranscription() throws IOException {
        long seed = Long.getLong("tests.seed", 20261125L);
        Random random = new Random(seed);
        Plain run = random(random);
        Plain reference = random(random);
        UpdateDistance distance = UpdateDistance.between(run, reference);
        double[] all = new double[4];
        for (UpdateDistance.Layer layer : distance.layers()) {
            double[] x = run.layers.get(layer.path());
            double[] y = reference.layers.get(layer.path());
            double[] sums = new double[4];
            for (int i = 0; i < x.length; i++) {
                sums[0] += (x[i] - y[i]) * (x[i] - y[i]);
                sums[1] += x[i] * y[i];
                sums[2] += x[i] * x[i];
                sums[3] += y[i] * y[i];
            }
            assertNumbers(sums, layer, seed);
            for (int i = 0; i < 4; i++) {
                all[i] += sums[i];
            }
        }
        assertEquals(
                List.of("p", "q"),
                distance.layers().stream().map(UpdateDistance.Layer::path).toList());
        assertNumbers(all, distance.overall(), seed);
    }

    private static void assertNumbers(double[] sums, UpdateDistance.Layer layer, long seed) {
        String what = "seed " + seed + ", " + layer.path();
        assertEquals(Math.sqrt(sums[0]) / Math.sqrt(sums[3]), layer.relativeError(), 1e-12, what);
        assertEquals(sums[1] / Math.sqrt(sums[2] * sums[3]), layer.cosine(), 1e-12, what);
        assertEquals(Math.sqrt(sums[2]) / Math.sqrt(sums[3]), layer.normRatio(), 1e-12, what);
    }

    private static Plain random(Random random) {
        Map<String, double[]> layers = new LinkedHashMap<>();
        layers.put("p", random.doubles(12, -1, 1).toArray());
        layers.put("q", random.doubles(6, -2, 2).toArray());
        return new Plain(layers);
    }

    /** diag(3, 2, 1): the best change of rank 1 keeps 3, that of rank 2 keeps 3 and 2, that of any higher rank is all of it. */
    @Test
    void theBestOfARankIsTheTruncatedDecomposition() throws IOException {
        Plain reference = new Plain(Map.of("p", new double[] {3, 0, 0, 0, 2, 0, 0, 0, 1}));
        List<UpdateDistance> best = UpdateDistance.ofBest(reference, List.of(1, 2, 5));
        assertEquals(Math.sqrt(5 / 14.0), best.get(0).overall().relativeError(), 1e-12);
        assertEquals(3 / Math.sqrt(14), best.get(0).overall().cosine(), 1e-12);
        assertEquals(3 / Math.sqrt(14), best.get(0).overall().normRatio(), 1e-12);
        assertEquals(Math.sqrt(1 / 14.0), best.get(1).layers().get(0).relativeError(), 1e-12);
        assertEquals(0, best.get(2).overall().relativeError(), 1e-12);
        assertEquals(1, best.get(2).overall().cosine(), 1e-12);
    }

    @Test
    void aLayerThatTheReferenceLacksIsNamed() {
        Plain run = random(new Random(1));
        Plain reference = new Plain(Map.of("p", new double[12]));
        ConfigException thrown = assertThrows(ConfigException.class, () -> UpdateDistance.between(run, reference));
        assertEquals("the reference run has no change of q", thrown.getMessage());
    }

    /** The same run again is at distance 0; LoRA is somewhere else; what an adapter changes nowhere is at distance 1. */
    @Test
    void aRunTellsItsDistanceFromAnother() throws IOException {
        Path reference = directory.resolve("reference");
        TrainConfig full = TinyRun.config(Method.FULL).maxSteps(4).build();
        try (Model model = TinyRun.model();
                StartingWeights start = new StartingWeights(model);
                TrainingRun run = TinyRun.open(model, full, directory.resolve("full"), OnExisting.REFUSE)) {
            run.addListener(new UpdateRecorder(start, Set.of(2L, 4L), reference));
            run.run();
        }
        try (Model model = TinyRun.model();
                StartingWeights start = new StartingWeights(model);
                TrainingRun run = TinyRun.open(model, full, directory.resolve("again"), OnExisting.REFUSE);
                DistanceRecorder recorder =
                        new DistanceRecorder(start, reference, directory.resolve("again.jsonl"), 0)) {
            run.addListener(recorder);
            run.run();
        }
        List<JsonObject> again = lines(directory.resolve("again.jsonl"));
        assertEquals(
                List.of(2L, 4L), again.stream().map(UpdateDistanceTest::step).toList());
        assertEquals(0, again.get(1).requireDouble("relative_error"));
        assertEquals(1, again.get(1).requireDouble("cosine"), 1e-12);

        TrainConfig lora = TinyRun.config(Method.LORA).maxSteps(4).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, lora, directory.resolve("lora"), OnExisting.REFUSE);
                LayerUpdates updates = LayerUpdates.of(
                        java.util.Objects.requireNonNull(run.trainable().adapter()));
                DistanceRecorder recorder =
                        new DistanceRecorder(updates, reference, directory.resolve("lora.jsonl"), 0)) {
            run.addListener(recorder);
            run.run();
        }
        JsonObject last = lines(directory.resolve("lora.jsonl")).get(1);
        assertTrue(last.requireDouble("relative_error") > 0.1);
        assertTrue(Math.abs(last.requireDouble("cosine")) < 1);
    }

    private static long step(JsonObject line) {
        try {
            return line.requireLong("step");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static List<JsonObject> lines(Path file) throws IOException {
        List<JsonObject> lines = new java.util.ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(Json.parse(file, line));
        }
        return lines;
    }
}
