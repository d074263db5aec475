package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.DataFiles;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainingRun;

/** Preferences from the first call to the last: learnt, gone on with, and judged by another call. */
class PreferenceRunEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path held;
    private Path test;

    @BeforeEach
    void write() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("model"));
        rows = preferences("rows.jsonl", 0, 12);
        held = preferences("held.jsonl", 12, 17);
        test = preferences("test.jsonl", 20, 27);
    }

    private Path preferences(String name, int from, int to) throws IOException {
        String text = IntStream.range(from, to)
                .mapToObj(i -> "{\"prompt\": \"Once upon " + i + "\", \"chosen\": \" a time there was a " + i
                        + " day\", \"rejected\": \" no\"}\n")
                .collect(Collectors.joining());
        return Files.writeString(folder.resolve(name), text);
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private Captured train(Path output, Object... more) {
        List<Object> call = new ArrayList<>(List.of("train", "--data", rows, "--eval-data", held, "--output", output));
        call.addAll(List.of("--method", "lora", "--learning-rate", "2e-4", "--max-steps", "6", "--batch-size", "2"));
        call.addAll(List.of(more));
        Captured run = loft(call.toArray());
        assertEquals(0, run.status(), run.err());
        return run;
    }

    private Captured eval(Path adapter, Object... more) {
        List<Object> call = new ArrayList<>(List.of("eval", "--model", model, "--adapter", adapter, "--json"));
        call.addAll(List.of(more));
        if (!call.contains("--data")) {
            call.addAll(List.of("--data", held));
        }
        return loft(call.toArray());
    }

    /** What the training told last of its held-out rows. */
    private static JsonNode told(Path output) throws IOException {
        JsonNode last = null;
        for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
            last = JSON.readTree(line).has("eval_margin") ? JSON.readTree(line) : last;
        }
        return JSON.readTree(String.valueOf(last));
    }

    private static void assertSame(JsonNode told, Captured judged) throws IOException {
        assertEquals(0, judged.status(), judged.err());
        JsonNode scores = JSON.readTree(judged.out());
        for (String score : List.of("loss", "accuracy", "margin", "reward_chosen", "reward_rejected")) {
            double expected = told.get("eval_" + score).asDouble();
            assertEquals(expected, scores.get(score).asDouble(), 1e-4 * Math.max(1, Math.abs(expected)), score);
        }
        assertTrue(Math.abs(scores.get("margin").asDouble()) > 1e-2, judged.out());
    }

    /** A kill leaves checkpoints, and what was known before the first step. */
    private static void killAfter(Path run, int step) throws IOException {
        for (String result : List.of("trainer_state.json", "adapter_model.safetensors", "adapter_config.json")) {
            Files.delete(run.resolve(result));
        }
        for (int later = step + 3; later <= 6; later += 3) {
            Path checkpoint = run.resolve("checkpoint-" + later);
            try (var files = Files.list(checkpoint)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(checkpoint);
        }
    }

    @Test
    void aKilledRunEndsAsIfItHadNotBeenAndIsJudgedByWhatItBeganWith() throws IOException {
        Path run = folder.resolve("run");
        Object[] settings = {
            "--model",
            model,
            "--save-steps",
            "3",
            "--save-total-limit",
            "0",
            "--preference-beta",
            "0.5",
            "--eval-steps",
            "3"
        };
        train(run, settings);
        byte[] whole = Files.readAllBytes(run.resolve("adapter_model.safetensors"));
        JsonNode told = told(run);
        killAfter(run, 3);
        // the directory is another by now
        Path moved = Files.move(run, folder.resolve("moved"));
        List<Object> again = new ArrayList<>(List.of(settings));
        again.add("--resume");
        Captured resumed = train(moved, again.toArray());
        assertTrue(resumed.err().contains("going on after step 3"), resumed.err());
        assertArrayEquals(whole, Files.readAllBytes(moved.resolve("adapter_model.safetensors")));
        assertEquals(told.get("eval_margin"), told(moved).get("eval_margin"));

        Captured judged = eval(moved);
        assertSame(told, judged);
        assertTrue(
                judged.err()
                        .contains(
                                "loft: judged beside the model without its adapter, by direct preference optimization, β = 0.5"),
                judged.err());
        Path file = folder.resolve("told.jsonl");
        JsonNode other = JSON.readTree(
                eval(moved, "--preference-beta", "0.25", "--predictions", file).out());
        for (JsonNode pair : ToldRows.of(file, other, null)) {
            // DPO's loss of the two rewards
            double margin = pair.get("reward_chosen").asDouble()
                    - pair.get("reward_rejected").asDouble();
            assertEquals(Math.log1p(Math.exp(-margin)), pair.get("loss").asDouble(), 1e-9, pair.toString());
            assertTrue(pair.get("chosen").isTextual() && !pair.has("completion"), pair.toString());
        }
        assertEquals(told.get("eval_margin").asDouble() / 2, other.get("margin").asDouble(), 1e-4);
    }

    @Test
    void whatWentOnFromAnAdapterIsJudgedBesideIt() throws IOException {
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");
        train(first, "--model", model);
        train(second, "--model", model, "--adapter", first);
        JsonNode told = told(second);
        Captured beside = eval(second, "--reference-adapter", first);
        assertSame(told, beside);
        assertTrue(
                beside.err().contains("loft: judged beside the model with the adapter " + first + ", by direct"),
                beside.err());
        assertFalse(beside.err().contains("went on"), beside.err());

        Captured base = eval(second);
        assertEquals(0, base.status(), base.err());
        assertTrue(
                base.err()
                        .contains("loft: the training of " + second
                                + " went on from another adapter: --reference-adapter DIR judges beside that one"),
                base.err());
        assertNotEquals(
                told.get("eval_margin").asDouble(),
                JSON.readTree(base.out()).get("margin").asDouble(),
                1e-3);
    }

    @Test
    void whatCannotBeJudgedIsRefused() throws IOException {
        Path texts = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"Once upon a time\"}\n");
        assertRefused(
                "beta must be greater than 0",
                loft("eval", "--model", model, "--data", held, "--preference-beta", "0"));
        assertRefused(
                "--reference-adapter " + folder.resolve("none") + " is not a directory",
                loft("eval", "--model", model, "--data", held, "--reference-adapter", folder.resolve("none")));
        assertRefused(
                "--preference-beta is of preferences, and the data holds none",
                loft("eval", "--model", model, "--data", texts, "--preference-beta", "0.2"));
        Path settings = Files.writeString(folder.resolve("settings.yaml"), "beta: 0.2\n");
        Captured served = loft("eval", "--config", settings, "--model", model, "--data", texts);
        assertEquals(0, served.status(), served.err());
        // before any row is tokenized, which takes two tokens at least
        assertRefused(
                "preferences are judged beside what the model was before it was trained",
                loft("eval", "--model", model, "--data", held, "--max-length", "1"));
    }

    private Captured compare(Path output, Object... more) {
        List<Object> call = new ArrayList<>(List.of("compare", "--model", model, "--data", rows, "--eval-data", held));
        call.addAll(List.of("--test-data", test, "--output", output, "--batch-size", "2", "--json"));
        call.addAll(List.of(more));
        return loft(call.toArray());
    }

    @Test
    void methodsAreComparedAsTrainAndEvalWouldHaveIt() throws IOException {
        Path output = folder.resolve("compared");
        Object[] settings = {
            "--methods", "full,lora", "--ranks", "4", "--learning-rates", "2e-4", "--seeds", "42", "--max-steps", "6"
        };
        List<Object> kept = new ArrayList<>(List.of(settings));
        kept.add("--keep-weights");
        Captured compared = compare(output, kept.toArray());
        assertEquals(0, compared.status(), compared.err());
        JsonNode standings = JSON.readTree(compared.out()).get("standings");
        assertEquals(2, standings.size());
        assertEquals("full", standings.get(0).get("method").asText());
        assertTrue(standings.get(0).get("test_loss").asDouble() < Math.log(2), compared.out());
        assertTrue(standings.get(1).get("test_accuracy").asDouble() > 0.5, compared.out());

        Path lora = output.resolve("runs").resolve("lora-4-2e-4-s42");
        JsonNode result = JSON.readTree(Files.readString(lora.resolve("result.json")));
        Path alone = folder.resolve("alone");
        train(alone, "--model", model, "--rank", "4", "--seed", "42");
        JsonNode told = told(alone);
        JsonNode judged =
                JSON.readTree(eval(lora.resolve("training"), "--data", test).out());
        for (String score : List.of("loss", "accuracy", "margin", "reward_chosen", "reward_rejected")) {
            assertEquals(
                    told.get("eval_" + score).asDouble(),
                    result.at("/validation/" + score).asDouble(),
                    1e-6,
                    score);
            assertEquals(
                    judged.get(score).asDouble(), result.at("/test/" + score).asDouble(), 1e-6, score);
        }
        // what was there before is the same for both, whatever the first has made of the model
        String before = Files.readString(lora.resolve("training").resolve("reference.json"));
        Path full = output.resolve("runs").resolve("full-2e-4-s42");
        assertEquals(before, Files.readString(full.resolve("training").resolve("reference.json")));
        assertEquals(before, Files.readString(alone.resolve("reference.json")));

        Captured margins = loft("compare", "--output", output, "--report-only", "--metric", "margin", "--json");
        assertEquals(0, margins.status(), margins.err());
        assertTrue(JSON.readTree(margins.out()).at("/standings/0/test_margin").asDouble() > 0, margins.out());
        assertTrue(Files.readString(output.resolve("summary.html")).contains("margin"));
    }

    @Test
    void aComparisonOfPreferencesHasRatesAndRulesOfItsOwn() throws IOException {
        Path output = folder.resolve("compared");
        assertRefused(
                "label_smoothing_factor of preferences must be below 0.5", compare(output, "--label-smoothing", "0.5"));
        assertRefused(
                "metric must be one of loss, accuracy, margin for this task, got perplexity",
                compare(output, "--metric", "perplexity"));
        assertFalse(Files.exists(output.resolve("comparison.json")));
        Captured usual = compare(output, "--methods", "lora", "--max-steps", "1");
        assertEquals(0, usual.status(), usual.err());
        assertTrue(
                usual.err()
                        .contains(
                                "loft: preferences are learnt at a twentieth of the usual learning rates where none is"
                                        + " named: lora=5e-5"),
                usual.err());
    }

    @Test
    void aStopIsToldAsWhatItIs() throws IOException {
        Path output = folder.resolve("run");
        TrainConfig config = TrainConfig.builder(Method.FULL).build();
        try (Tokenizer tokenizer = Tokenizer.open(model);
                Model opened = Models.open(model, ModelOptions.of(Task.CAUSAL_LM))) {
            PreferenceDataset pairs = PreferenceDataset.of(DataFiles.read(rows), tokenizer, 64, null);
            TrainData data = new TrainData(pairs, null, tokenizer.padId(), 64);
            try (TrainingRun run = TrainingRun.open(opened, data, config, null, output, OnExisting.REFUSE)) {
                assertEquals("leaving before the first step, with nothing to save", TrainReport.stopping(run, false));
            }
            TrainData texts = new TrainData(pairs.texts(), null, tokenizer.padId(), 64);
            try (TrainingRun run = TrainingRun.open(opened, texts, config, null, output, OnExisting.REFUSE)) {
                assertEquals("finishing the step, then saving", TrainReport.stopping(run, false));
            }
        }
    }

    private static void assertRefused(String message, Captured call) {
        assertNotEquals(0, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }
}
