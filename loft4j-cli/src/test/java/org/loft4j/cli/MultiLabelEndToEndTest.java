package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.infer.Labeler;
import org.loft4j.tensor.DeviceSpec;

/** {@code --problem-type multi_label_classification}: which of two colours, and whether a ball, a text has. */
class MultiLabelEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();
    private static final List<String> LABELS = List.of("red", "blue", "ball");

    @TempDir
    Path folder;

    private Path run() {
        return folder.resolve("run");
    }

    private static List<String> labels(int i) {
        return LABELS.stream()
                .filter(label -> (i >> LABELS.indexOf(label) & 1) == 1)
                .toList();
    }

    private static String text(int i) {
        return "the " + labels(i).stream().map(label -> (label + " ").repeat(4)).collect(Collectors.joining()) + "one";
    }

    /** All sets of labels, none among them. */
    private Path lists(int count) throws IOException {
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < count; i++) {
            rows.append("{\"text\": \"")
                    .append(text(i % 8))
                    .append(' ')
                    .append(i)
                    .append("\", \"labels\": ")
                    .append(JSON.writeValueAsString(labels(i % 8)))
                    .append("}\n");
        }
        return Files.writeString(folder.resolve("rows.jsonl"), rows);
    }

    private static Captured call(List<String> first, String... more) {
        return Captured.loft(Stream.concat(first.stream(), Stream.of(more)).toArray(String[]::new));
    }

    private Captured train(String model, Path rows, String... more) {
        List<String> call = new ArrayList<>(List.of(
                "train",
                "--model",
                model,
                "--problem-type",
                "multi_label_classification",
                "--data",
                rows.toString(),
                "--batch-size",
                "8",
                "--output",
                run().toString()));
        if (!List.of(more).contains("--method")) {
            call.addAll(List.of("--method", "lora", "--rank", "4"));
        }
        return call(call, more);
    }

    private static JsonNode json(Path file) throws IOException {
        return JSON.readTree(file.toFile());
    }

    @Test
    void labelsAreLearntJudgedToldAndMerged() throws IOException {
        Path rows = lists(64);
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        Captured trained = train(
                model,
                rows,
                "--eval-data",
                rows.toString(),
                "--epochs",
                "40",
                "--pooling",
                "mean",
                "--learning-rate",
                "1e-2",
                "--head-learning-rate",
                "3e-2");
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.err().contains("64 rows of \"text\" and \"labels\" (--format label)"), trained.err());
        assertFalse(trained.err().contains("one label"), trained.err());
        assertTrue(trained.out().contains("  micro_f1 "), trained.out());
        String settings = Files.readString(run().resolve("config.yaml"));
        assertTrue(settings.contains("problem_type: multi_label_classification"), settings);
        assertTrue(settings.contains("metric_for_best_model: micro_f1"), settings);
        JsonNode task = json(run().resolve("loft_task.json"));
        assertEquals("multi_label_classification", task.get("problem_type").asText());
        assertEquals("[\"ball\",\"blue\",\"red\"]", task.get("labels").toString());
        List<String> adapter = List.of("--model", model, "--adapter", run().toString());
        JsonNode judged = JSON.readTree(call(Stream.concat(
                                Stream.of(
                                        "eval",
                                        "--json",
                                        "--predictions",
                                        folder.resolve("told.jsonl").toString(),
                                        "--data",
                                        rows.toString()),
                                adapter.stream())
                        .toList())
                .out());
        JsonNode row = ToldRows.of(folder.resolve("told.jsonl"), judged, null).get(0);
        row.get("probabilities").properties().forEach(label -> {
            boolean above = label.getValue().asDouble() > 0.5;
            assertEquals(above, row.get("predicted").toString().contains('"' + label.getKey() + '"'));
        });
        assertTrue(judged.get("micro_f1").asDouble() > 0.9, judged.toString());
        assertTrue(judged.get("accuracy").asDouble() > 0.6, judged.toString());
        JsonNode first = judged.at("/classes/0");
        assertEquals("ball", first.get("label").asText());
        assertEquals(32, first.get("support").asInt());
        assertTrue(
                first.get("f1").asDouble() > 0.8 && first.has("precision") && first.has("recall"), judged.toString());
        assertFalse(judged.has("confusion_matrix"), judged.toString());

        Path merged = folder.resolve("merged");
        Captured merge = call(List.of("merge", "--output", merged.toString()), adapter.toArray(String[]::new));
        assertEquals(0, merge.status(), merge.err());
        assertEquals(
                "multi_label_classification",
                json(merged.resolve("config.json")).get("problem_type").asText());
        assertTrue(
                call(List.of("inspect", merged.toString())).out().contains("problem_type: multi_label_classification"));
        // without what the training left word of, config.json says it
        Files.delete(merged.resolve("loft_task.json"));
        Captured told = call(List.of("predict", "--model", merged.toString()), "--text", text(5), "--text", "the one");
        assertEquals(0, told.status(), told.err());
        String[] lines = told.out().split("\n");
        assertTrue(lines[0].matches("(red,ball|ball,red)\t[01]\\.[0-9]{3},[01]\\.[0-9]{3}\t" + text(5)), told.out());
        assertEquals("\t\tthe one", lines[1]);
        JsonNode prediction = JSON.readTree(
                        call(List.of("predict", "--json", "--model", merged.toString()), "--text", text(5))
                                .out())
                .at("/predictions/0");
        assertEquals(2, prediction.get("labels").size());
        assertEquals(3, prediction.get("probabilities").size());
        double all = 0;
        for (JsonNode probability : prediction.get("probabilities")) {
            all += probability.asDouble();
        }
        assertTrue(all > 1.2, "each by itself: " + prediction);
        // the model goes on so without being asked, and its rows are inspected and checked so
        List<String> further =
                List.of("train", "--model", merged.toString(), "--data", rows.toString(), "--max-steps", "1");
        Captured more = call(
                further, "--method", "full", "--output", folder.resolve("more").toString());
        assertEquals(0, more.status(), more.err());
        assertEquals(
                "multi_label_classification",
                json(folder.resolve("more/config.json")).get("problem_type").asText());
        Captured shown =
                call(List.of("inspect", "--model", merged.toString(), "--rows", "4"), "--data", rows.toString());
        assertTrue(
                shown.out().contains("tokens, no label") && shown.out().contains("tokens, labels blue, red"),
                shown.out() + shown.err());
        Captured checked = call(List.of("data", "check", rows.toString(), "--model", merged.toString()));
        assertEquals(0, checked.status(), checked.err());
        assertTrue(
                checked.out().contains("share of rows") && checked.out().contains("50.0 %"),
                checked.out() + checked.err());
        Captured dry =
                call(further, "--dry-run", "--output", folder.resolve("dry").toString());
        assertEquals(0, dry.status(), dry.err());
    }

    @Test
    void aStoppedRunGoesOnToTheSameNumbers() throws IOException {
        Path rows = lists(40);
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String[] all = {"--eval-share", "0.2", "--max-steps", "8", "--save-steps", "4", "--eval-steps", "4"};
        Captured first = train(model, rows, all);
        assertEquals(0, first.status(), first.err());
        byte[] whole = Files.readAllBytes(run().resolve("adapter_model.safetensors"));
        // as a kill behind the first checkpoint would leave it
        try (Stream<Path> files = Files.walk(run())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                boolean kept = file.startsWith(run().resolve("checkpoint-4"))
                        || file.endsWith("config.yaml")
                        || file.endsWith("metrics.jsonl");
                if (!kept) {
                    Files.delete(file);
                }
            }
        }
        Files.delete(run().resolve("checkpoint-8"));
        Captured resumed =
                Captured.loft("train", "--config", run().resolve("config.yaml").toString(), "--resume");
        assertEquals(0, resumed.status(), resumed.err());
        assertTrue(resumed.err().contains("going on after step 4"), resumed.err());
        assertArrayEquals(whole, Files.readAllBytes(run().resolve("adapter_model.safetensors")));
        Files.writeString(rows, Files.readString(rows).replaceFirst("\\[\"red\"\\]", "[\"blue\"]"));
        Captured other =
                Captured.loft("train", "--config", run().resolve("config.yaml").toString(), "--resume");
        assertTrue(other.status() != 0, "the labels are others");
    }

    /** A decoder in fewer bits, from a table that is read as it is learnt. */
    @Test
    void columnsOfFlagsAreStreamed() throws IOException {
        StringBuilder csv = new StringBuilder("text,red,blue,ball,never\n");
        for (int i = 0; i < 32; i++) {
            List<String> has = labels(i % 8);
            csv.append(text(i % 8)).append(' ').append(i);
            LABELS.forEach(label -> csv.append(has.contains(label) ? ",1" : ",0"));
            csv.append(",0\n");
        }
        Path rows = Files.writeString(folder.resolve("rows.csv"), csv);
        Captured trained = train(
                STORIES,
                rows,
                "--label-columns",
                "red,blue,ball,never",
                "--streaming",
                "--eval-share",
                "0.2",
                "--load-in",
                "8bit",
                "--max-steps",
                "3");
        assertEquals(0, trained.status(), trained.err());
        // in the order that was given, and one that no row has is there to be learnt as absent
        assertEquals(
                "[\"red\",\"blue\",\"ball\",\"never\"]",
                json(run().resolve("loft_task.json")).get("labels").toString());
        Captured judged = call(
                List.of("eval", "--model", STORIES, "--adapter", run().toString()),
                "--data",
                rows.toString(),
                "--label-columns",
                "red,blue,ball,never");
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.out().contains("micro_f1") && judged.out().contains("never"), judged.out());
    }

    @Test
    void anAdapterIsGoneOnFromAndOneOfPeftsToo() throws IOException {
        Path rows = lists(40);
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        assertEquals(0, train(model, rows, "--max-steps", "3").status());
        List<String> further = List.of(
                "train",
                "--model",
                model,
                "--adapter",
                run().toString(),
                "--data",
                rows.toString(),
                "--max-steps",
                "1",
                "--method",
                "lora");
        Path second = folder.resolve("second");
        Captured on = call(further, "--output", second.toString());
        assertEquals(0, on.status(), on.err());
        assertEquals(
                "multi_label_classification",
                json(second.resolve("loft_task.json")).get("problem_type").asText());
        Captured classes = call(
                further,
                "--problem-type",
                "single_label_classification",
                "--output",
                folder.resolve("third").toString());
        assertEquals(2, classes.status(), classes.err());
        assertTrue(classes.err().contains("was trained for several labels a text, \"ball\""), classes.err());
        Captured smooth = call(
                further,
                "--label-smoothing",
                "0.1",
                "--output",
                folder.resolve("fourth").toString());
        assertEquals(2, smooth.status(), smooth.err());
        assertTrue(smooth.err().contains("label_smoothing_factor is 0.1, and where a text may have"), smooth.err());
        // as PEFT leaves it nothing tells whether the labels exclude each other, and the call says so
        Files.delete(run().resolve("loft_task.json"));
        Captured asked = call(
                further,
                "--problem-type",
                "multi_label_classification",
                "--output",
                folder.resolve("fifth").toString());
        assertEquals(0, asked.status(), asked.err());
    }

    /** PEFT's files do not say whether labels exclude each other; those of the model do. */
    @Test
    void anAdapterOfPeftsOnAModelOfSeveralLabelsIsForThese() throws IOException {
        Path rows = lists(16);
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        assertEquals(
                0, train(model, rows, "--method", "full", "--max-steps", "1").status());
        String base = run().toString();
        Path adapter = folder.resolve("adapter");
        List<String> further = List.of("train", "--data", rows.toString(), "--method", "lora", "--max-steps", "1");
        Captured made = call(further, "--model", base, "--output", adapter.toString());
        assertEquals(0, made.status(), made.err());
        Files.delete(adapter.resolve("loft_task.json"));
        Files.delete(run().resolve("loft_task.json"));
        Captured judged = call(
                List.of("eval", "--model", base, "--adapter", adapter.toString(), "--data", rows.toString(), "--json"));
        assertEquals(0, judged.status(), judged.err());
        assertTrue(JSON.readTree(judged.out()).has("micro_f1"), judged.out());
        try (Labeler labeler = Labeler.open(Path.of(base), adapter, DeviceSpec.CPU, null)) {
            assertEquals(3, labeler.label("red").probabilities().size());
        }
        Captured on = call(
                further,
                "--model",
                base,
                "--adapter",
                adapter.toString(),
                "--output",
                folder.resolve("more").toString());
        assertEquals(0, on.status(), on.err());
        assertEquals(
                "multi_label_classification",
                json(folder.resolve("more/loft_task.json")).get("problem_type").asText());
    }

    @Test
    void methodsAreComparedByMicroF1() throws IOException {
        Path rows = lists(32);
        Path model = TinyModels.encoder(folder.resolve("model"));
        Path output = folder.resolve("compared");
        Captured compared = call(
                List.of("compare", "--model", model.toString(), "--problem-type", "multi_label_classification"),
                "--data",
                rows.toString(),
                "--eval-data",
                rows.toString(),
                "--test-data",
                rows.toString(),
                "--methods",
                "lora,full",
                "--learning-rates",
                "1e-2",
                "--max-steps",
                "6",
                "--output",
                output.toString());
        assertEquals(0, compared.status(), compared.err());
        assertTrue(compared.out().contains("micro-F1 %"), compared.out());
    }
}
