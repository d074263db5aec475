package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The same numbers on a GPU; runs with {@code -Pcuda} where there is one. */
@Tag("gpu")
class CudaEndToEndTest {
    private static final String DEVICE = "cuda";

    /** Steps at the beginning and at the end of a run whose mean loss is compared. */
    private static final int SOME = 4;

    @TempDir
    Path directory;

    @BeforeEach
    void requireGpu() {
        assumeTrue(DeviceSpec.parse("auto").kind() == DeviceSpec.Kind.CUDA, "no CUDA device");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_gqa"})
    void agreesWithTheReference(String family) {
        Path model = Fixtures.of(family);
        Captured call = Captured.loft(
                "verify",
                "--device",
                DEVICE,
                "--model",
                model.toString(),
                "--adapter",
                model.resolve("adapter").toString(),
                "--input",
                model.resolve("input.safetensors").toString(),
                "--expected",
                model.resolve("expected.safetensors").toString(),
                "--tolerance",
                "1e-4");
        assertEquals(0, call.status(), call.out() + call.err());
    }

    @Test
    void trainsAndPredicts() throws IOException {
        Path run = directory.resolve("run");
        assertLearnt(colours(run, DEVICE, "--learning-rate=1e-2", "--max-steps=40"), run);
        Captured predict =
                Captured.loft("predict", "--device", DEVICE, "--adapter", run.toString(), "--text", "a red ball");
        assertEquals(0, predict.status(), predict.err());
    }

    @ParameterizedTest
    @CsvSource({"loft,1e-2", "loft-tangent,1e-2", "lora,1e-2", "dora,1e-2", "full,1e-3"})
    void learnsByHeart(String method, String rate) throws IOException {
        Path run = directory.resolve("run");
        assertLearnt(story(run, "--method=" + method, "--learning-rate=" + rate), run);
    }

    /** The base in fewer bits, layers that are computed again, and the same numbers dropped both times. */
    @Test
    void learnsOnABaseInFourBits() throws IOException {
        Path run = directory.resolve("run");
        Captured train =
                story(run, "--load-in=4bit", "--gradient-checkpointing", "--dropout=0.1", "--learning-rate=1e-2");
        assertLearnt(train, run);
    }

    @Test
    void aRunThatGoesOnEndsWhereItWouldHaveEnded() throws IOException {
        Path run = directory.resolve("run");
        Captured whole = colours(run, DEVICE, "--learning-rate", "1e-2", "--max-steps", "12", "--save-steps", "6");
        assertEquals(0, finished(whole).get("skipped_steps").asInt(), whole.out());
        Map<String, double[]> expected = trained(run);
        // as if it had been killed after the sixth step
        Files.delete(run.resolve("trainer_state.json"));
        try (Stream<Path> last = Files.walk(run.resolve("checkpoint-12"))) {
            for (Path file : last.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        }
        Captured rest =
                Captured.loft("train", "--config", run.resolve("config.yaml").toString(), "--resume", "--json");
        assertTrue(rest.err().contains("going on after step 6"), rest.err());
        assertEquals(0, finished(rest).get("skipped_steps").asInt(), rest.out());
        assertNear(expected, trained(run));
    }

    @ParameterizedTest
    @ValueSource(strings = {"loft", "lora", "dora"})
    void aStepIsTheProcessors(String method) throws IOException {
        List<Map<String, double[]>> steps = new ArrayList<>();
        for (String device : List.of("cpu", DEVICE)) {
            Path run = directory.resolve(device);
            Captured train = colours(
                    run,
                    device,
                    "--method=" + method,
                    "--learning-rate=1e-3",
                    "--schedule=constant",
                    "--warmup-ratio=0",
                    "--max-steps=1");
            assertEquals(0, finished(train).get("skipped_steps").asInt(), train.out());
            steps.add(trained(run));
        }
        assertTrue(
                steps.get(0).entrySet().stream()
                        .filter(tensor -> tensor.getKey().contains("lora_B"))
                        .anyMatch(tensor -> DoubleStream.of(tensor.getValue()).anyMatch(x -> x != 0)),
                "no factor has moved");
        assertNear(steps.get(0), steps.get(1));
    }

    private Captured colours(Path run, String device, String... more) throws IOException {
        Path model = directory.resolve("model");
        if (!Files.exists(model)) {
            TinyModels.encoder(model);
        }
        return train(model, TinyModels.colours(directory.resolve("data.csv"), 64), run, device, more);
    }

    /** A language model on one sentence, over and over. */
    private Captured story(Path run, String... more) throws IOException {
        Path data = directory.resolve("rows.jsonl");
        Files.writeString(data, "{\"text\": \"Once upon a time there was a little red ball.\"}\n".repeat(64));
        String[] words = Stream.concat(Stream.of("--task=causal-lm", "--max-steps=20"), Stream.of(more))
                .toArray(String[]::new);
        return train(Fixtures.of("stories260K"), data, run, DEVICE, words);
    }

    private static Captured train(Path model, Path data, Path run, String device, String... more) {
        List<String> words = new ArrayList<>(List.of("train", "--model=" + model, "--data=" + data, "--output=" + run));
        words.addAll(List.of("--device=" + device, "--batch-size=16", "--logging-steps=1", "--json"));
        words.addAll(List.of(more));
        return Captured.loft(words.toArray(String[]::new));
    }

    private static JsonNode finished(Captured train) throws IOException {
        assertEquals(0, train.status(), train.out() + train.err());
        JsonNode result = new ObjectMapper().readTree(train.out());
        assertEquals("finished", result.get("outcome").asText());
        return result;
    }

    /** On the device, by every step of the run. */
    private static void assertLearnt(Captured train, Path run) throws IOException {
        assertEquals(0, finished(train).get("skipped_steps").asInt(), train.out());
        assertTrue(train.err().contains(" on " + DEVICE), train.err());
        List<Double> losses = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode loss = new ObjectMapper().readTree(line).get("loss");
            if (loss != null) {
                losses.add(loss.asDouble());
            }
        }
        double first = mean(losses.subList(0, SOME));
        double last = mean(losses.subList(losses.size() - SOME, losses.size()));
        assertTrue(last < 0.9 * first, losses.toString());
    }

    private static double mean(List<Double> losses) {
        return losses.stream().mapToDouble(loss -> loss).average().orElseThrow();
    }

    private static Map<String, double[]> trained(Path run) throws IOException {
        Map<String, double[]> trained = new TreeMap<>();
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(run.resolve("adapter_model.safetensors"))) {
            for (String name : file.names()) {
                trained.put(name, Tensors.toDoubles(file.read(name)));
            }
        }
        return trained;
    }

    private static void assertNear(Map<String, double[]> expected, Map<String, double[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach(
                (name, values) -> assertArrayEquals(values, Objects.requireNonNull(actual.get(name)), 1e-4, name));
    }
}
