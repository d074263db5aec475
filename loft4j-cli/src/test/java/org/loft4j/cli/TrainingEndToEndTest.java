package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sun.misc.Signal;

/** What a person does one after the other: train, judge, predict, merge. */
class TrainingEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path data;
    private Path run;

    @BeforeEach
    void prepare() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        data = TinyModels.colours(directory.resolve("data.csv"), 64);
        run = directory.resolve("run");
    }

    @Test
    void trainEvaluatePredictAndMerge() throws IOException {
        JsonNode result = json(train("--rank", "2", "--json"));
        assertEquals("finished", result.get("outcome").asText());
        assertEquals(40, result.get("step").asInt());

        JsonNode scores = json(Captured.loft("eval", "--adapter", run.toString(), "--data", data.toString(), "--json"));
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        long judged = 0;
        for (JsonNode one : scores.get("classes")) {
            assertTrue(one.get("recall").asDouble() > 0.9, scores.toString());
            judged += one.get("support").asLong();
        }
        assertEquals(64, judged);
        assertEquals(
                scores.get("classes").size(), scores.get("confusion_matrix").size());
        Captured shown = Captured.loft("eval", "--adapter", run.toString(), "--data", data.toString());
        assertTrue(shown.out().lines().anyMatch(line -> line.matches(" *class +precision +recall +f1 +support")));
        assertTrue(shown.out().lines().anyMatch(line -> line.matches(" *red +[01][.]\\d{4} .* \\d+")), shown.out());

        String[] shortened = {
            "eval", "--adapter", run.toString(), "--data", data.toString(), "--max-length", "8", "--json"
        };
        Captured cut = Captured.loft(shortened);
        assertEquals(64, json(cut).get("rows_cut").asInt());
        assertEquals(8, json(cut).get("max_length").asInt());
        assertTrue(cut.err().contains("64 of 64 rows were cut to 8 tokens (--max-length)"), cut.err());

        String text = "red red red ball";
        String[] predict = {"predict", "--adapter", run.toString(), "--text", text, "--json"};
        JsonNode prediction = json(Captured.loft(predict)).get("predictions").get(0);
        assertEquals("red", prediction.get("label").asText());
        assertEquals(text, prediction.get("text").asText());
        assertEquals(
                1.0,
                prediction.get("probabilities").get("red").asDouble()
                        + prediction.get("probabilities").get("blue").asDouble(),
                1e-6);

        String tabbed = "red\tred \\ ball\nred";
        Captured line = Captured.loft("predict", "--adapter", run.toString(), "--text", tabbed);
        assertTrue(line.out().matches("red\t1?[.0-9]+\t\\Qred\\tred \\\\ ball\\nred\\E\\R"), line.out());

        Path unlabelled = Files.writeString(directory.resolve("new.csv"), "text,label\n" + text + ",\n");
        Captured rows = Captured.loft("predict", "--adapter", run.toString(), "--data", unlabelled.toString());
        assertEquals(0, rows.status(), rows.err());
        assertTrue(rows.out().matches("red\t1?[.0-9]+\t\\Q" + text + "\\E\\R"), rows.out());

        Path either = Files.writeString(
                directory.resolve("new.jsonl"), "{\"text\": \"" + text + "\", \"prompt\": \"blue\"}\n");
        Captured held =
                Captured.loft("predict", "--adapter", run.toString(), "--data", either.toString(), "--format", "text");
        assertEquals(rows.out(), held.out(), held.err());

        Captured untrained = Captured.loft("predict", "--model", model.toString(), "--text", text);
        assertEquals(1, untrained.status());
        assertTrue(untrained.err().contains("has no classifier.weight"), untrained.err());

        Path merged = directory.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertTrue(merge.out().contains("rounding to float32 lost nothing"), merge.out());
        assertFalse(merge.err().contains("pooling"), merge.err());
        JsonNode after = json(Captured.loft("eval", "--model", merged.toString(), "--data", data.toString(), "--json"));
        assertEquals(scores.get("loss").asDouble(), after.get("loss").asDouble(), 1e-5);

        Captured again = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(2, again.status());
        assertTrue(again.err().contains("--overwrite"), again.err());
    }

    @Test
    void aDoraAdapterIsInspectedJudgedAndMerged() throws IOException {
        json(train("--method", "dora", "--pooling", "mean", "--rank", "2", "--max-steps", "20", "--json"));
        JsonNode contents = json(Captured.loft("inspect", run.toString(), "--json"));
        assertTrue(contents.get("config").get("use_dora").asBoolean(), contents.toString());
        Captured inspected = Captured.loft("inspect", run.toString());
        assertTrue(inspected.out().contains("lora_magnitude_vector"), inspected.out());
        assertTrue(Files.readString(run.resolve("README.md")).contains("method `dora`"));
        String[] judge = {"eval", "--adapter", run.toString(), "--data", data.toString(), "--json"};
        JsonNode scores = json(Captured.loft(judge));
        Path merged = directory.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertEquals(1, merge.err().lines().count(), merge.err());
        assertTrue(merge.err().startsWith("loft: pooling mean is loft4j's own"), merge.err());
        assertTrue(
                Captured.loft("doctor", merged.toString()).out().contains("train with --pooling pooler"), merge.err());
        JsonNode after = json(Captured.loft("eval", "--model", merged.toString(), "--data", data.toString(), "--json"));
        assertEquals(scores.get("loss").asDouble(), after.get("loss").asDouble(), 1e-5);
    }

    @Test
    void aModelTrainedInFullIsADirectoryOfItsOwn() throws IOException {
        JsonNode result = json(train("--method", "full", "--learning-rate", "1e-3", "--json"));
        JsonNode scores = json(Captured.loft("eval", "--model", run.toString(), "--data", data.toString(), "--json"));
        assertEquals(
                result.get("best_evaluation").get("loss").asDouble(),
                scores.get("loss").asDouble(),
                1e-5,
                result.toString());
        assertEquals(data.toString(), scores.get("data").asText());
        Path settings = Files.writeString(directory.resolve("eval.yaml"), "test_file: " + data + "\n");
        Captured judged = Captured.loft("eval", "--model", run.toString(), "--config", settings.toString());
        assertTrue(judged.out().contains(" rows of " + data + " in "), judged.out() + judged.err());
        Captured call = Captured.loft("predict", "--model", run.toString(), "--text", "blue blue blue ball");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().matches("(?s)(red|blue)\t0\\.\\d{3}\tblue blue blue ball\\R"), call.out());
    }

    @Test
    void theSettingsOfARunMakeTheSameRun() throws IOException {
        JsonNode first = json(train("--rank", "2", "--target-modules", "query,value", "--json"));
        Path settings = run.resolve("config.yaml");
        String yaml = Files.readString(settings);
        assertTrue(yaml.contains("target_modules: \"query,value\""), yaml);
        assertTrue(yaml.contains("# lora_alpha: 4.0\n"), yaml);
        assertTrue(yaml.contains("\nlearning_rate: 0.01\n"), yaml);
        Path second = directory.resolve("second");
        JsonNode again =
                json(Captured.loft("train", "--config", settings.toString(), "--output", second.toString(), "--json"));
        assertEquals(first.get("best_evaluation"), again.get("best_evaluation"));
        assertEquals(
                -1L,
                Files.mismatch(run.resolve("adapter_model.safetensors"), second.resolve("adapter_model.safetensors")));
    }

    @Test
    void ctrlCSavesAndTheRunCanGoOn() throws Exception {
        assumeFalse(IgnoredSignals.interrupt(), "Ctrl-C is ignored here");
        Path metrics = run.resolve("metrics.jsonl");
        Thread presser = new Thread(() -> {
            try {
                while (!Files.exists(metrics) || Files.size(metrics) == 0) {
                    Thread.sleep(5);
                }
                Signal.raise(new Signal("INT"));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        presser.start();
        Captured stopped = train("--max-steps", "4000", "--logging-steps", "1");
        presser.join();
        assertEquals(130, stopped.status(), stopped.out() + stopped.err());
        String goOn = "to go on: ./loft train --config " + run.resolve("config.yaml") + " --resume";
        assertTrue(stopped.out().contains(goOn), stopped.out());
        try (Stream<Path> files = Files.list(run)) {
            assertTrue(files.anyMatch(file -> file.getFileName().toString().startsWith("checkpoint-")));
        }
        Captured refused =
                Captured.loft("train", "--config", run.resolve("config.yaml").toString());
        assertEquals(2, refused.status(), refused.err());
    }

    /** The tiny model's hidden size is 32. */
    @Test
    void theDefaultRateGoesByTheWidthOfTheModel() throws IOException {
        Captured call = Captured.loft(
                "train",
                "--model=" + model,
                "--data=" + data,
                "--warmup-ratio=0",
                "--schedule=constant",
                "--max-steps=1",
                "--output=" + run);
        assertEquals(0, call.status(), call.err());
        JsonNode step = new ObjectMapper()
                .readTree(Files.readString(run.resolve("metrics.jsonl"))
                        .lines()
                        .findFirst()
                        .orElseThrow());
        assertEquals(3.6e-3, step.get("learning_rate").asDouble(), 1e-12);
        Path settings = run.resolve("config.yaml");
        assertTrue(Files.readString(settings).contains("\n# learning_rate: 0.0036\n"), "told, and not set");
        Captured other = Captured.loft("config", "--config", settings.toString(), "--method", "lora");
        assertTrue(other.out().contains("# learning_rate: 0.001 "), other.out());
    }

    private Captured train(String... more) {
        List<String> args = new ArrayList<>(List.of(
                "train",
                "--model",
                model.toString(),
                "--data",
                data.toString(),
                "--eval-data",
                data.toString(),
                "--output",
                run.toString(),
                "--head-learning-rate",
                "1e-2",
                "--batch-size",
                "16"));
        if (!Arrays.asList(more).contains("--max-steps")) {
            args.addAll(List.of("--max-steps", "40"));
        }
        if (!Arrays.asList(more).contains("--learning-rate")) {
            args.addAll(List.of("--learning-rate", "1e-2"));
        }
        args.addAll(List.of(more));
        return Captured.loft(args.toArray(String[]::new));
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.out() + call.err());
        return new ObjectMapper().readTree(call.out());
    }
}
