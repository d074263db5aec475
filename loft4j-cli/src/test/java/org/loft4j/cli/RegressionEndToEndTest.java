package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.RegressionCalls.columns;
import static org.loft4j.cli.RegressionCalls.json;
import static org.loft4j.cli.RegressionCalls.with;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --problem-type regression}: how much alike two texts are, by the words that they share. */
class RegressionEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();

    private static final String SMOOTHED = "label_smoothing_factor is 0.1, and a single output is a number";

    @TempDir
    Path folder;

    private RegressionCalls calls() {
        return new RegressionCalls(folder);
    }

    @Test
    void pairsAreLearntJudgedToldAndMerged() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String[] learnt = {
            "--eval-data", rows.toString(), "--epochs", "40", "--learning-rate", "3e-3", "--head-learning-rate", "0.1"
        };
        Captured trained = calls().train(model, rows, learnt);
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.out().contains("  pearson ") && trained.out().contains("  spearmanr "), trained.out());
        assertTrue(Files.readString(calls().run().resolve("config.yaml")).contains("problem_type: regression"));
        assertTrue(Files.readString(calls().run().resolve("metrics.jsonl")).contains("\"eval_mse\""));
        assertEquals(
                "regression",
                json(calls().run().resolve("loft_task.json"))
                        .get("problem_type")
                        .asText());
        List<String> eval = Stream.concat(
                        Stream.of(
                                "eval",
                                "--json",
                                "--predictions",
                                folder.resolve("told.jsonl").toString(),
                                "--adapter",
                                calls().run().toString(),
                                "--model",
                                model),
                        columns(rows).stream())
                .toList();
        JsonNode judged =
                JSON.readTree(Captured.loft(eval.toArray(String[]::new)).out());
        JsonNode row = ToldRows.of(folder.resolve("told.jsonl"), judged, null).get(0);
        double error = row.get("score").asDouble() - row.get("label").asDouble();
        assertEquals(error * error, row.get("loss").asDouble(), 1e-6);
        assertTrue(judged.get("pearson").asDouble() > 0.9, judged.toString());
        assertTrue(judged.get("spearmanr").asDouble() > 0.8, judged.toString());
        assertEquals(judged.get("loss").asDouble(), judged.get("mse").asDouble(), 1e-5);
        assertFalse(judged.has("classes"), judged.toString());

        Path merged = folder.resolve("merged");
        Captured merge = Captured.loft(
                "merge", "--model", model, "--adapter", calls().run().toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        JsonNode config = json(merged.resolve("config.json"));
        assertEquals("regression", config.get("problem_type").asText());
        assertEquals(1, config.get("id2label").size());
        // without what the training left word of, the merged model is one of one output all the same
        Files.delete(merged.resolve("loft_task.json"));
        Captured told = Captured.loft(
                "predict", "--model", merged.toString(), "--text", "red red red", "--text-pair", "red red red ball");
        assertEquals(0, told.status(), told.err());
        assertTrue(told.out().matches("-?[0-9][0-9.e-]+\tred red red\tred red red ball\n"), told.out());
        Captured inJson = Captured.loft(
                "predict",
                "--json",
                "--adapter",
                calls().run().toString(),
                "--model",
                model,
                "--text",
                "red red red",
                "--text-pair",
                "red red red ball");
        JsonNode prediction = JSON.readTree(inJson.out()).at("/predictions/0");
        assertEquals(List.of("text", "text_pair", "score"), names(prediction));
        assertEquals(
                Double.parseDouble(told.out().split("\t")[0]),
                prediction.get("score").asDouble(),
                1e-3);
        // a model of one output goes on with numbers without being asked, and says so
        List<String> further = Stream.concat(
                        Stream.of("train", "--model", merged.toString(), "--method", "full", "--max-steps", "1"),
                        columns(rows).stream())
                .toList();
        Captured more =
                Captured.loft(with(further, "--output", folder.resolve("more").toString()));
        assertEquals(0, more.status(), more.err());
        assertTrue(more.err().contains("the model has one output, and the labels are learnt as numbers"), more.err());
        assertEquals(
                "regression",
                json(folder.resolve("more/config.json")).get("problem_type").asText());
        Captured classes = Captured.loft(with(
                further,
                "--problem-type",
                "single_label_classification",
                "--output",
                folder.resolve("classes").toString()));
        assertEquals(0, classes.status(), classes.err());
        assertTrue(classes.err().contains("the labels are numbers, and are learnt as 4 classes"), classes.err());
        assertEquals(
                4, json(folder.resolve("classes/config.json")).get("id2label").size());
    }

    private static List<String> names(JsonNode object) {
        return object.properties().stream().map(java.util.Map.Entry::getKey).toList();
    }

    @Test
    void aStoppedRunGoesOnToTheSameNumbers() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String[] all = {"--eval-share", "0.2", "--max-steps", "8", "--save-steps", "4", "--eval-steps", "4"};
        assertEquals(0, calls().train(model, rows, all).status());
        byte[] whole = Files.readAllBytes(calls().run().resolve("adapter_model.safetensors"));
        // as a kill behind the first checkpoint would leave it
        try (Stream<Path> files = Files.walk(calls().run())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                boolean kept = file.startsWith(calls().run().resolve("checkpoint-4"))
                        || file.endsWith("config.yaml")
                        || file.endsWith("metrics.jsonl");
                if (!kept) {
                    Files.delete(file);
                }
            }
        }
        Files.delete(calls().run().resolve("checkpoint-8"));
        Captured resumed = Captured.loft(
                "train", "--config", calls().run().resolve("config.yaml").toString(), "--resume");
        assertEquals(0, resumed.status(), resumed.err());
        assertTrue(resumed.err().contains("going on after step 4"), resumed.err());
        assertTrue(
                java.util.Arrays.equals(whole, Files.readAllBytes(calls().run().resolve("adapter_model.safetensors"))));
        Files.writeString(rows, Files.readString(rows).replaceFirst("0\\.5\n", "0.6\n"));
        Captured other = Captured.loft(
                "train", "--config", calls().run().resolve("config.yaml").toString(), "--resume");
        assertTrue(other.status() != 0, "the numbers are others");
    }

    @Test
    void aDecoderLearnsFromRowsThatAreReadAsTheyAreLearntAndInFewerBits() throws IOException {
        Path rows = calls().rows("rows.csv");
        Captured call = calls().train(
                        STORIES, rows, "--streaming", "--eval-share", "0.2", "--load-in", "8bit", "--max-steps", "3");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("  mse "), call.out());
        Captured told = Captured.loft(
                "predict",
                "--model",
                STORIES,
                "--adapter",
                calls().run().toString(),
                "--text",
                "a red ball",
                "--text-pair",
                "a blue one");
        assertTrue(told.out().matches("-?[0-9][0-9.e-]+\ta red ball\ta blue one\n"), told.out() + told.err());
    }

    @Test
    void methodsAreComparedByNumbers() throws IOException {
        Path rows = calls().rows("rows.csv");
        Path model = TinyModels.encoder(folder.resolve("model"));
        Path output = folder.resolve("compared");
        List<String> call = Stream.concat(
                        Stream.of(
                                "compare",
                                "--model",
                                model.toString(),
                                "--problem-type",
                                "regression",
                                "--eval-data",
                                rows.toString(),
                                "--test-data",
                                rows.toString(),
                                "--methods",
                                "lora,full",
                                "--learning-rates",
                                "1e-3,1e-2",
                                "--max-steps",
                                "12",
                                "--output",
                                output.toString()),
                        columns(rows).stream())
                .toList();
        Captured compared = Captured.loft(call.toArray(String[]::new));
        assertEquals(0, compared.status(), compared.err());
        assertTrue(compared.out().contains("test loss") && compared.out().contains("test pearson"), compared.out());
        Captured byError =
                Captured.loft("compare", "--output", output.toString(), "--report-only", "--metric", "mse", "--json");
        JsonNode summary = JSON.readTree(byError.out());
        for (JsonNode standing : summary.get("standings")) {
            double chosen = standing.get("learning_rate").asDouble();
            double best = Double.POSITIVE_INFINITY;
            double rate = 0;
            for (JsonNode run : summary.get("runs")) {
                double mse = run.at("/validation/mse").asDouble();
                if (run.get("method").equals(standing.get("method")) && mse < best) {
                    best = mse;
                    rate = run.get("learning_rate").asDouble();
                }
            }
            assertEquals(rate, chosen, 0, "the smaller error is better: " + summary);
        }
    }

    /** A step that moves nothing leaves what is told of the adapter, which is gone on from as one of numbers. */
    @Test
    void anAdapterIsGoneOnFrom() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        assertEquals(
                0,
                calls().train(model, rows, "--epochs", "3", "--learning-rate", "3e-3")
                        .status());
        for (String left : List.of("loft_task.json", "adapter_config.json alone")) {
            // as PEFT leaves it: what the head is shows by its shape
            Files.deleteIfExists(calls().run().resolve(left.equals("loft_task.json") ? "none" : "loft_task.json"));
            Path second = folder.resolve("second of " + left);
            List<String> call = Stream.concat(
                            Stream.of("train", "--adapter", calls().run().toString(), "--output", second.toString()),
                            columns(rows).stream())
                    .toList();
            Captured further = Captured.loft(with(
                    call,
                    "--max-steps",
                    "1",
                    "--learning-rate",
                    "1e-20",
                    "--head-learning-rate",
                    "1e-20",
                    "--eval-data",
                    rows.toString()));
            assertEquals(0, further.status(), further.err());
            assertEquals(judged(calls().run(), rows), judged(second, rows));
            assertEquals(
                    "regression",
                    json(second.resolve("loft_task.json")).get("problem_type").asText());
            Captured classes =
                    Captured.loft(with(call, "--problem-type", "single_label_classification", "--overwrite"));
            assertEquals(2, classes.status(), classes.err());
            assertTrue(
                    classes.err()
                            .contains(
                                    "the adapter " + calls().run() + " was trained for numbers: leave --problem-type"),
                    classes.err());
            Captured smooth = Captured.loft(with(call, "--label-smoothing", "0.1", "--overwrite"));
            assertEquals(2, smooth.status(), smooth.err());
            assertTrue(smooth.err().contains(SMOOTHED), smooth.err());
        }
    }

    private static double judged(Path adapter, Path rows) throws IOException {
        Captured call = Captured.loft(
                with(Stream.concat(Stream.of("eval", "--json", "--adapter", adapter.toString()), columns(rows).stream())
                        .toList()));
        assertEquals(0, call.status(), call.err());
        return JSON.readTree(call.out()).get("mse").asDouble();
    }

    /** As {@code cross-encoder/ms-marco-*} and the like are: one output, and no word of what it is for. */
    @Test
    void aRerankerOfTheHubTellsItsNumber() throws IOException {
        Path rows = calls().rows("rows.csv");
        Path base = TinyModels.encoder(folder.resolve("model"));
        assertEquals(
                0,
                calls().train(base.toString(), rows, "--method", "full", "--max-steps", "1")
                        .status());
        Files.delete(calls().run().resolve("loft_task.json"));
        ObjectNode config = (ObjectNode) json(calls().run().resolve("config.json"));
        config.remove("problem_type");
        JSON.writeValue(calls().run().resolve("config.json").toFile(), config);
        Captured told =
                Captured.loft("predict", "--model", calls().run().toString(), "--text", "ball", "--text-pair", "red");
        assertEquals(0, told.status(), told.err());
        assertTrue(told.out().matches("-?[0-9][0-9.e-]+\tball\tred\n"), told.out());
        Captured shown = Captured.loft(
                with(Stream.concat(Stream.of("inspect", "--model", calls().run().toString()), columns(rows).stream())
                        .toList()));
        assertEquals(0, shown.status(), shown.err());
        assertTrue(shown.out().contains("label 0.5"), shown.out());
    }
}
