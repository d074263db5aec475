package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.NativeMemoryException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Trial;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainListener;

/** What becomes of a run of a comparison that has taken all its steps and was then ended before its test was over. */
class StoppedInItsTestEndToEndTest {
    @TempDir
    Path directory;

    private static JsonNode json(Path file) throws IOException {
        return new ObjectMapper().readTree(file.toFile());
    }

    @ParameterizedTest
    @ValueSource(strings = {"loft", "full"})
    void afterAKillItIsTestedAlone(String method) throws IOException {
        Path model = TinyModels.encoder(directory.resolve("model"));
        String rows = TinyModels.colours(directory.resolve("rows.csv"), 40).toString();
        Path output = directory.resolve("compared");
        String[] call = {
            "compare",
            "--model",
            model.toString(),
            "--data",
            rows,
            "--eval-data",
            rows,
            "--test-data",
            rows,
            "--max-steps",
            "5",
            "--methods",
            method,
            "--ranks",
            "2",
            "--learning-rates",
            "1e-3",
            "--keep-weights",
            "--output",
            output.toString()
        };
        assertEquals(0, Captured.loft(call).status());
        Path place = output.resolve("runs").resolve(method.equals("full") ? "full-1e-3-s0" : "loft-2-1e-3-s0");
        JsonNode before = json(place.resolve("result.json"));
        byte[] metrics = Files.readAllBytes(place.resolve("training/metrics.jsonl"));
        Files.delete(place.resolve("result.json"));

        Captured again = Captured.loft(call);
        assertEquals(0, again.status(), again.err());
        assertArrayEquals(metrics, Files.readAllBytes(place.resolve("training/metrics.jsonl")), "it was trained again");
        JsonNode after = json(place.resolve("result.json"));
        for (String same : new String[] {
            "validation",
            "test",
            "evaluations",
            "training_loss",
            "skipped_steps",
            "trainable_parameters",
            "peak_resident_bytes",
            "settings"
        }) {
            assertEquals(before.get(same), after.get(same), same);
        }
        assertTrue(after.get("seconds").asDouble() > 0, after.toString());
        assertTrue(after.get("tokens_per_second").asDouble() > 0, after.toString());

        // what helps where the memory does not hold the test's batches
        Files.delete(place.resolve("result.json"));
        List<String> smaller = new ArrayList<>(List.of(call));
        smaller.addAll(List.of("--eval-batch-size", "3"));
        for (int i = 0; i < 2; i++) {
            Captured third = Captured.loft(smaller.toArray(String[]::new));
            assertEquals(0, third.status(), third.err());
        }
        assertArrayEquals(metrics, Files.readAllBytes(place.resolve("training/metrics.jsonl")), "it was trained again");
        assertEquals(
                before.at("/test/loss").asDouble(),
                json(place.resolve("result.json")).at("/test/loss").asDouble(),
                1e-6);
    }

    private static Dataset rows(int count, int words) {
        return Dataset.classificationIds(
                IntStream.range(0, count)
                        .mapToObj(i -> IntStream.range(3, 3 + words).toArray())
                        .toList(),
                IntStream.range(0, count).map(i -> i % 2).toArray());
    }

    private Comparison comparison(Examples test, ComparisonListener listener) throws IOException {
        Path model = directory.resolve("model");
        if (!Files.exists(model)) {
            TinyModels.encoder(model);
        }
        ComparisonSettings settings = new ComparisonSettings(
                List.of(Contender.parse("lora")),
                List.of(2),
                Map.of("lora", List.of(1e-3)),
                List.of(0L),
                1,
                "accuracy",
                Baseline.DEFAULT,
                method -> TrainConfig.builder(method).maxSteps(3).saveSteps(Long.MAX_VALUE),
                (rank, rslora) -> LoraConfig.of(rank, 4, TargetModules.allLinear()),
                directory.resolve("compared"),
                false);
        ComparisonData data = new ComparisonData(new TrainData(rows(16, 6), rows(4, 6), 0, 16), test);
        return new Comparison(settings, model, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION), data, listener);
    }

    /** Asks for the end when the last step has been taken and the files are written. */
    private Comparison.Outcome stoppedAfterTheLastStep() throws IOException {
        AtomicReference<@Nullable Comparison> own = new AtomicReference<>();
        Comparison comparison = comparison(rows(8, 9), new ComparisonListener() {
            @Override
            public TrainListener onStart(Trial trial, Remaining remaining) {
                return new TrainListener() {
                    @Override
                    public void onEnd() {
                        Comparison running = own.get();
                        if (running != null) {
                            running.requestStop();
                        }
                    }
                };
            }
        });
        own.set(comparison);
        return comparison.run();
    }

    @Test
    void aStopIsHeardInTheTestAndTheNextCallTestsAlone() throws IOException {
        assertEquals(Comparison.Outcome.STOPPED, stoppedAfterTheLastStep());
        Path place = directory.resolve("compared/runs/lora-2-1e-3-s0");
        assertFalse(Files.exists(place.resolve("result.json")), "the stop was not heard");
        assertTrue(Files.exists(place.resolve("training/adapter_model.safetensors")));
        assertFalse(Files.exists(place.resolve("training/checkpoint-3")), "saved twice");
        int[] steps = {0};
        Comparison next = comparison(rows(8, 9), new ComparisonListener() {
            @Override
            public TrainListener onStart(Trial trial, Remaining remaining) {
                return new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        steps[0]++;
                    }
                };
            }
        });
        assertEquals(Comparison.Outcome.FINISHED, next.run());
        assertEquals(0, steps[0], "it was trained again");
        JsonNode result = json(place.resolve("result.json"));
        assertTrue(result.at("/test/accuracy").isNumber(), result.toString());
        assertEquals(1, result.at("/machine/processes").asInt());
        for (String idle :
                new String[] {"eval_steps", "diagnostics_steps", "save_in_background", "per_device_eval_batch_size"}) {
            assertFalse(result.get("settings").has(idle), idle + " changes no result");
        }
        assertFalse(Files.exists(place.resolve("training")), "what nobody wants is left");
    }

    /** Rows for whose second batch there is no memory while they are said to be too many. */
    private static final class Heavy implements Examples {
        private final Dataset rows = StoppedInItsTestEndToEndTest.rows(40, 9);
        private boolean tooMany = true;
        private int batches;

        @Override
        public int size() {
            return rows.size();
        }

        @Override
        public int[] lengths() {
            return rows.lengths();
        }

        @Override
        public String fingerprint() {
            return rows.fingerprint();
        }

        @Override
        public MiniBatch batch(int[] indices, long padId) {
            if (tooMany && ++batches == 2) {
                throw new OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB");
            }
            return rows.batch(indices, padId);
        }

        @Override
        public MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) throws IOException {
            return batch(indices, padId);
        }
    }

    @Test
    void aTestThatFindsNoMemorySaysWhatTookItAndWhatHelps() throws IOException {
        Heavy test = new Heavy();
        NativeMemoryException full = assertThrows(
                NativeMemoryException.class,
                () -> comparison(test, new ComparisonListener() {}).run());
        Path place = directory.resolve("compared/runs/lora-2-1e-3-s0");
        List<String> said = String.valueOf(full.getMessage()).lines().toList();
        assertEquals(
                "out of memory in the test after the last step: CUDA out of memory. Tried to allocate 2.00 GiB",
                said.get(0));
        assertTrue(said.get(1).startsWith("the process holds "), said.get(1));
        assertTrue(said.get(1).contains(", state of the optimizer "), said.get(1));
        assertEquals("less is needed with a smaller --eval-batch-size", said.get(2));
        assertEquals(
                place.resolve("training") + " holds what was trained, and stays: the same call tests it alone",
                said.get(3));
        assertFalse(Files.exists(place.resolve("result.json")), "want of memory is no result");
        test.tooMany = false;
        Comparison next = comparison(test, new ComparisonListener() {
            @Override
            public TrainListener onStart(Trial trial, Remaining remaining) {
                return new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        throw new IllegalStateException("it was trained again");
                    }
                };
            }
        });
        assertEquals(Comparison.Outcome.FINISHED, next.run());
        assertTrue(json(place.resolve("result.json")).at("/test/accuracy").isNumber());
    }

    /** The model knows 64 positions. */
    @Test
    void testRowsThatTheModelCannotReadAreToldBeforeTheFirstStep() throws IOException {
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> comparison(rows(2, 65), new ComparisonListener() {}).run());
        assertTrue(
                String.valueOf(e.getMessage())
                        .startsWith("the test data has a row of 65 tokens, but the model was made"),
                e.getMessage());
        assertFalse(Files.exists(directory.resolve("compared/runs")));
    }
}
