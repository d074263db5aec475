package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Threads;

class TrainingRunEndToEndTest {
    @TempDir
    Path directory;

    private static List<JsonNode> metrics(Path output) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
            lines.add(mapper.readTree(line));
        }
        return lines;
    }

    /** The metrics without what the clock says. */
    static List<String> timeless(Path output) throws IOException {
        List<String> lines = new ArrayList<>();
        for (JsonNode line : metrics(output)) {
            ObjectNode entry = line.deepCopy();
            entry.remove(List.of("tokens_per_second", "memory_bytes", "seconds", "eval_seconds"));
            lines.add(entry.toString());
        }
        return lines;
    }

    private static List<String> diagnostics(Path output) throws IOException {
        Path file = output.resolve("diagnostics.jsonl");
        return Files.exists(file) ? Files.readAllLines(file) : List.of();
    }

    private static Set<String> names(Path output) throws IOException {
        try (Stream<Path> entries = Files.list(output)) {
            return new TreeSet<>(
                    entries.map(path -> path.getFileName().toString()).toList());
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void theLossFalls(Method method) throws IOException {
        TrainConfig config =
                TinyRun.config(method).epochs(12).saveSteps(48).evalSteps(24).build();
        TrainResult result = TinyRun.train(config, directory, OnExisting.REFUSE);
        assertEquals(TrainResult.Outcome.FINISHED, result.outcome());
        List<JsonNode> lines = metrics(directory);
        double first = lines.get(0).get("loss").asDouble();
        double last = result.lastEvaluation().get("loss");
        assertTrue(last < 0.6 * first, method + ": from " + first + " to " + last);
    }

    @Test
    void theOutputHoldsEverythingThatBelongsToTheResult() throws IOException {
        List<Long> saved = new ArrayList<>();
        List<Long> evaluated = new ArrayList<>();
        List<Long> steps = new ArrayList<>();
        TrainListener listener = new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                steps.add(event.step());
            }

            @Override
            public void onEvaluation(long step, Evaluation evaluation, boolean best) {
                evaluated.add(step);
            }

            @Override
            public void onSave(long step, Path checkpoint) {
                assertTrue(Files.exists(checkpoint.resolve("optimizer.safetensors")));
                saved.add(step);
            }
        };
        TrainConfig config =
                TinyRun.config(Method.LOFT).epochs(3).evalSteps(5).saveSteps(4).build();
        TrainResult result = TinyRun.train(config, directory, OnExisting.REFUSE, listener);
        assertEquals(12, result.step());
        assertEquals(12, steps.size());
        // each evaluation is the best so far, and the best is always saved
        assertEquals(List.of(5L, 10L, 12L), evaluated);
        assertEquals(List.of(4L, 5L, 8L, 10L, 12L), saved);
        assertEquals(
                Set.of(
                        ".lock",
                        "README.md",
                        "adapter_config.json",
                        "adapter_model.safetensors",
                        "checkpoint-10",
                        "checkpoint-12",
                        "diagnostics.jsonl",
                        "loft_task.json",
                        "metrics.jsonl",
                        "run.json",
                        "runs",
                        "trainer_state.json"),
                names(directory));
        assertEquals(
                Set.of(
                        "adapter_config.json",
                        "adapter_model.safetensors",
                        "loft_task.json",
                        "manifest.json",
                        "optimizer.safetensors",
                        "trainer_state.json"),
                names(directory.resolve("checkpoint-12")));
        List<JsonNode> lines = metrics(directory);
        assertEquals(
                List.of(3, 5, 6, 9, 10, 12, 12),
                lines.stream().map(line -> line.get("step").asInt()).toList());
        assertEquals(0.75, lines.get(0).get("epoch").asDouble());
        assertEquals(
                Math.exp(lines.get(1).get("eval_loss").asDouble()),
                lines.get(1).get("eval_perplexity").asDouble(),
                1e-9);
        assertEquals(
                lines.get(6).get("eval_loss").asDouble(),
                result.lastEvaluation().get("loss"));
        assertTrue(Files.readString(directory.resolve("README.md")).contains("method `loft`"));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aRunThatIsStoppedEndsWhereItWouldHaveEnded(Method method) throws IOException {
        // with lanes
        try (Threads two = Threads.of(2)) {
            stopsAndGoesOn(method, 3, 5);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"LOFT", "DORA", "FULL"})
    void itMayBeStoppedTimeAndAgain(Method method) throws IOException {
        stopsAndGoesOn(method, 6, 1, 5, 17);
    }

    private void stopsAndGoesOn(Method method, int epochs, long... stops) throws IOException {
        TrainConfig config = TinyRun.config(method).epochs(epochs).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        TinyRun.train(config, whole, OnExisting.REFUSE);
        for (long stopAt : stops) {
            try (Model model = TinyRun.model();
                    TrainingRun run = TinyRun.open(model, config, stopped, OnExisting.RESUME)) {
                run.addListener(new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        if (event.step() == stopAt) {
                            run.requestStop();
                        }
                    }
                });
                TrainResult result = run.run();
                assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
                assertEquals(stopAt, result.step());
                assertEquals(stopped.resolve("checkpoint-" + stopAt), result.checkpoint());
                assertTrue(result.summary().contains("to go on"), result.summary());
            }
        }
        assertEquals(
                TrainResult.Outcome.FINISHED,
                TinyRun.train(config, stopped, OnExisting.RESUME).outcome());
        assertSameResult(method, whole, stopped, 4L * epochs);
    }

    /** Weights, state of the optimizer and metrics are equal bit for bit. */
    static void assertSameResult(Method method, Path expected, Path actual, long lastStep) throws IOException {
        String weights = method.usesAdapter() ? "adapter_model.safetensors" : "model.safetensors";
        String last = "checkpoint-" + lastStep + "/";
        for (String file : List.of(weights, last + weights, last + "optimizer.safetensors")) {
            assertEquals(TinyRun.bits(expected.resolve(file)), TinyRun.bits(actual.resolve(file)), file);
        }
        assertEquals(timeless(expected), timeless(actual));
        assertEquals(diagnostics(expected), diagnostics(actual));
        TrainConfig config = TinyRun.config(method).build();
        RunState a = RunState.read(expected, config);
        RunState b = RunState.read(actual, config);
        assertEquals(a.best(), b.best());
        assertEquals(a.tokens(), b.tokens());
        assertEquals(a.skippedSteps(), b.skippedSteps());
    }

    @Test
    void aTornCheckpointIsPassedOver() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT).build();
        Path whole = directory.resolve("whole");
        TinyRun.train(config, whole, OnExisting.REFUSE);
        Path torn = directory.resolve("torn");
        AtomicLong ended = new AtomicLong();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, torn, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == 9) {
                        run.requestStop();
                    }
                }

                @Override
                public void onEnd() {
                    ended.addAndGet(run.step());
                }
            });
            run.run();
        }
        assertEquals(9, ended.get(), "told once that no more steps are taken");
        Path optimizer = torn.resolve("checkpoint-9/optimizer.safetensors");
        byte[] bytes = Files.readAllBytes(optimizer);
        Files.write(optimizer, Arrays.copyOf(bytes, bytes.length - 100));
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, torn, OnExisting.RESUME)) {
            assertEquals(8, run.step());
            assertFalse(Files.exists(torn.resolve("checkpoint-9")));
            run.run();
        }
        assertSameResult(Method.LOFT, whole, torn, 24);
    }

    @Test
    void aFinishedRunSaysSoAndIsNotTrainedFurther() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT_SIMPLE).epochs(2).build();
        TrainResult first = TinyRun.train(config, directory, OnExisting.REFUSE);
        var bits = TinyRun.bits(directory.resolve("adapter_model.safetensors"));
        List<String> lines = timeless(directory);
        TrainResult second = TinyRun.train(config, directory, OnExisting.RESUME);
        assertEquals(TrainResult.Outcome.ALREADY_FINISHED, second.outcome());
        assertEquals(first.step(), second.step());
        assertEquals(first.bestEvaluation(), second.bestEvaluation());
        assertTrue(second.summary().contains("is finished"), second.summary());
        assertEquals(bits, TinyRun.bits(directory.resolve("adapter_model.safetensors")));
        assertEquals(lines, timeless(directory));
    }

    @Test
    void otherSettingsCannotGoOnWithARun() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE)) {
            run.requestStop();
            run.run();
        }
        TrainConfig other = TinyRun.config(Method.LOFT)
                .learningRate(1e-5)
                .seed(99)
                .saveTotalLimit(5)
                .build();
        String message = assertThrows(ConfigException.class, () -> TinyRun.train(other, directory, OnExisting.RESUME))
                .getMessage();
        assertTrue(message.contains("learning_rate was 0.03 and is now 1.0E-5; seed was 5 and is now 99;"), message);
        assertFalse(message.contains("save_total_limit"), message);
    }

    @Test
    void twoRunsDoNotShareADirectory() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
                Model other = TinyRun.model()) {
            assertThrows(ConfigException.class, () -> TinyRun.open(other, config, directory, OnExisting.RESUME));
        }
    }

    @Test
    void patienceEndsARunAndTheBestWeightsStay() throws IOException {
        // a learning rate that learns first and then destroys
        TrainConfig config = TinyRun.config(Method.LORA)
                .epochs(40)
                .schedule(Schedule.Kind.CONSTANT)
                .learningRate(0.4)
                .evalSteps(2)
                .earlyStoppingPatience(4)
                .build();
        double loss;
        TrainResult result;
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE)) {
            result = run.run();
            loss = new Evaluator(model, 0, 32)
                    .evaluate(Objects.requireNonNull(TinyRun.data().eval()))
                    .loss();
        }
        assertEquals(TrainResult.Outcome.STOPPED_EARLY, result.outcome());
        assertEquals(result.bestStep() + 8, result.step());
        assertEquals(result.bestEvaluation().get("loss"), loss, 0);
        assertTrue(loss < result.lastEvaluation().get("loss"));
        assertEquals(
                TinyRun.bits(directory.resolve("checkpoint-" + result.bestStep() + "/adapter_model.safetensors")),
                TinyRun.bits(directory.resolve("adapter_model.safetensors")));
        assertNotEquals(
                TinyRun.bits(directory.resolve("checkpoint-" + result.step() + "/adapter_model.safetensors")),
                TinyRun.bits(directory.resolve("adapter_model.safetensors")));
        assertEquals(
                TrainResult.Outcome.ALREADY_FINISHED,
                TinyRun.train(config, directory, OnExisting.RESUME).outcome());
    }

    @Test
    void withoutEvaluationDataTheLastWeightsAreTheResult() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT).epochs(1).build();
        TrainData data = new TrainData(TinyRun.counting(20, 1), null, 0, 16);
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data, config, TinyRun.lora(), directory, OnExisting.REFUSE)) {
            TrainResult result = run.run();
            assertEquals(2, result.step());
            assertEquals(0, result.bestStep());
            assertTrue(result.lastEvaluation().isEmpty());
            assertNull(result.checkpoint());
            assertNotNull(run.trainable().adapter());
        }
        assertThrows(
                ConfigException.class,
                () -> TrainingRun.open(
                        TinyRun.model(),
                        data,
                        TinyRun.config(Method.LOFT).earlyStoppingPatience(1).build(),
                        TinyRun.lora(),
                        directory.resolve("x"),
                        OnExisting.REFUSE));
    }

    @Test
    void aMetricThatTheTaskDoesNotHaveIsRefused() {
        TrainConfig config =
                TinyRun.config(Method.LOFT).metricForBest("accuracy").build();
        try (Model model = TinyRun.model()) {
            String message = assertThrows(
                            ConfigException.class, () -> TinyRun.open(model, config, directory, OnExisting.REFUSE))
                    .getMessage();
            assertTrue(message.startsWith("metric_for_best_model must be one of loss, perplexity"), message);
        }
    }

    @Test
    void aRunThatCannotLearnAnythingEnds() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT)
                .epochs(60)
                .evalSteps(300)
                .saveSteps(300)
                .build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
                NativeScope scope = new NativeScope()) {
            model.weights().get("model.norm.weight").fill_(new Scalar(Float.NaN));
            List<Long> skipped = new ArrayList<>();
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.skipped()) {
                        skipped.add(event.step());
                    }
                }
            });
            TrainResult result = run.run();
            assertEquals(TrainResult.Outcome.DIVERGED, result.outcome());
            assertEquals(100, skipped.size());
            assertEquals(
                    "given up after step 100 of 240: no step since step 1 had a finite loss and finite gradients;"
                            + " no checkpoint is from before that: resume with a lower learning rate to go on from the start",
                    result.summary());
        }
    }
}
