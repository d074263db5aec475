package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.RegressionCalls.columns;
import static org.loft4j.cli.RegressionCalls.json;
import static org.loft4j.cli.RegressionCalls.with;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code --problem-type regression} refuses, and what it makes of what others left. */
class RegressionEdgesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();

    @TempDir
    Path folder;

    private RegressionCalls calls() {
        return new RegressionCalls(folder);
    }

    @Test
    void rowsThatAreNoNumbersAreRefusedOrLeftOut() throws IOException {
        Path rows = calls().rows("rows.csv");
        Files.writeString(rows, Files.readString(rows) + "a,b,high\na,b,nan\n");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String fault = rows + ", line 50: label \"high\" must be a finite number";
        for (String[] way : List.of(new String[0], new String[] {"--streaming"})) {
            Captured refused = calls().train(model, rows, way);
            assertEquals(1, refused.status(), refused.err());
            assertTrue(refused.err().contains(fault), refused.err());
            assertFalse(Files.exists(calls().run().resolve("config.yaml")), "refused, and yet begun");
        }
        Captured kept = calls().train(model, rows, "--skip-faulty-rows", "--max-steps", "1");
        assertEquals(0, kept.status(), kept.err());
        assertTrue(kept.err().contains("2 training rows are left out"), kept.err());
        List<String> check = Stream.concat(Stream.of("data", "check", "--model", model), columns(rows).stream())
                .toList();
        Captured checked = Captured.loft(with(check, "--problem-type", "regression"));
        assertEquals(1, checked.status(), checked.err());
        assertTrue(checked.out().contains(fault) && checked.out().contains("2 faults stop a training"), checked.out());
        Captured hinted = Captured.loft(check.toArray(String[]::new));
        assertFalse(hinted.out().contains(fault), hinted.out());
    }

    @Test
    void whatDoesNotGoWithNumbersIsRefused() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        for (String how : List.of("blocks", "examples")) {
            Captured packed = calls().train(model, rows, "--packing", how);
            assertTrue(
                    packed.err().contains("packing is for language models, but the data is for a regression"),
                    packed.err());
        }
        Captured task = calls().train(STORIES, rows, "--task", "causal-lm");
        assertEquals(2, task.status());
        assertTrue(
                task.err().contains("--problem-type regression is for --task sequence-classification, got"),
                task.err());
        Captured several = calls().train(model, rows, "--problem-type", "several");
        assertEquals(2, several.status());
        assertTrue(
                several.err()
                        .contains(
                                "problem_type must be one of single_label_classification, multi_label_classification, regression, ranking, got"),
                several.err());
        Captured metric = calls().train(model, rows, "--eval-data", rows.toString(), "--metric-for-best", "accuracy");
        assertEquals(2, metric.status());
        assertTrue(metric.err().contains("must be one of loss, pearson, spearmanr, mse for this task"), metric.err());
        Captured smoothed = calls().train(model, rows, "--label-smoothing", "0.1");
        assertEquals(2, smoothed.status());
        assertTrue(
                smoothed.err().contains("label_smoothing_factor is 0.1, and a single output is a number"),
                smoothed.err());
        Path one = Files.writeString(folder.resolve("one.csv"), "sentence1,sentence2,score\nred,a ball,2.5\n");
        Captured alone = calls().train(model, rows, "--eval-data", one.toString(), "--metric-for-best", "spearmanr");
        assertEquals(2, alone.status());
        assertTrue(
                alone.err()
                        .contains(
                                "the metric spearmanr, which is to choose the best, needs two different numbers at least, and the 1 row of"),
                alone.err());
        Captured dry = calls().train(model, rows, "--dry-run", "--max-steps", "2");
        assertEquals(0, dry.status(), dry.err());
    }

    /** JSON has no word for a correlation that is no number. */
    @Test
    void aCorrelationOfOneRowIsNothingInJson() throws IOException {
        Path rows = calls().rows("rows.csv");
        Path one = Files.writeString(folder.resolve("one.csv"), "sentence1,sentence2,score\nred,a ball,2.5\n");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        Captured trained = calls().train(model, rows, "--eval-data", one.toString(), "--max-steps", "1", "--json");
        assertEquals(0, trained.status(), trained.err());
        for (String when : List.of("/last_evaluation", "/best_evaluation")) {
            JsonNode scores = JSON.readTree(trained.out()).at(when);
            assertTrue(scores.get("pearson").isNull() && scores.get("mse").isNumber(), scores.toString());
        }
        List<String> eval = Stream.concat(
                        Stream.of("eval", "--json", "--adapter", calls().run().toString(), "--model", model),
                        columns(one).stream())
                .toList();
        JsonNode judged =
                JSON.readTree(Captured.loft(eval.toArray(String[]::new)).out());
        assertTrue(
                judged.get("pearson").isNull()
                        && judged.get("spearmanr").isNull()
                        && judged.get("loss").isNumber(),
                judged.toString());
    }

    /** A class, or a correlation, is told of numbers that are none as of others. */
    @Test
    void aModelThatTellsNoNumbersFailsItsEvaluation() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        Captured trained = calls().train(model, rows, "--max-steps", "2", "--learning-rate", "1e30");
        assertEquals(0, trained.status(), trained.err());
        List<String> eval = Stream.concat(
                        Stream.of("eval", "--adapter", calls().run().toString(), "--model", model),
                        columns(rows).stream())
                .toList();
        Captured judged = Captured.loft(eval.toArray(String[]::new));
        assertEquals(1, judged.status(), judged.out());
        assertTrue(judged.err().contains("the loss is no number, for the model's outputs are not"), judged.err());
    }

    /** As PEFT saves it: nothing but its head tells that it is for numbers. */
    @Test
    void anAdapterThatPeftLeftTellsAndGoesOnWithNumbers() throws IOException {
        Path rows = calls().rows("rows.csv");
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        assertEquals(0, calls().train(model, rows, "--max-steps", "1").status());
        Files.delete(calls().run().resolve("loft_task.json"));
        List<String> trained =
                List.of("--model", model, "--adapter", calls().run().toString());
        Captured told = Captured.loft(with(
                Stream.concat(Stream.of("predict"), trained.stream()).toList(),
                "--text",
                "red",
                "--text-pair",
                "ball"));
        assertTrue(told.out().matches("-?[0-9][0-9.e-]+\tred\tball\n"), told.out() + told.err());
        List<String> further = Stream.of(
                        Stream.of("train", "--method", "lora", "--max-steps", "1"),
                        trained.stream(),
                        columns(rows).stream())
                .flatMap(part -> part)
                .toList();
        Path more = folder.resolve("more");
        Captured on = Captured.loft(with(further, "--output", more.toString()));
        assertEquals(0, on.status(), on.err());
        assertEquals(
                "regression",
                json(more.resolve("loft_task.json")).get("problem_type").asText());
        Captured classes = Captured.loft(with(
                further,
                "--problem-type",
                "single_label_classification",
                "--output",
                folder.resolve("classes").toString()));
        assertEquals(2, classes.status());
        assertTrue(classes.err().contains(calls().run() + " was trained for numbers"), classes.err());
    }

    /** The base has two classes without names too, so that nothing tells the adapter's from its. */
    @Test
    void anAdapterOfClassesThatPeftLeftIsNoneOfNumbers() throws IOException {
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String colours = TinyModels.colours(folder.resolve("colours.csv"), 16).toString();
        Path first = folder.resolve("first");
        Captured classes = Captured.loft(
                "train",
                "--model",
                model,
                "--data",
                colours,
                "--task",
                "sequence-classification",
                "--rank",
                "4",
                "--max-steps",
                "1",
                "--output",
                first.toString());
        assertEquals(0, classes.status(), classes.err());
        Files.delete(first.resolve("loft_task.json"));
        Captured numbers = calls().train(model, calls().rows("rows.csv"), "--adapter", first.toString());
        assertEquals(2, numbers.status());
        assertTrue(
                numbers.err()
                        .contains("--problem-type regression is asked for, and the adapter " + first
                                + " was trained for sequence-classification of"),
                numbers.err());
    }

    /** A person who counts classes is not told of a range. */
    @Test
    void dataThatIsCheckedHasARangeOfNumbersOrItsClassesCounted() throws IOException {
        StringBuilder csv = new StringBuilder("text,label\n");
        for (int i = 0; i < 120; i++) {
            csv.append("red ball ").append(i).append(',').append(i % 60).append('\n');
        }
        Path rows = Files.writeString(folder.resolve("many.csv"), csv);
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        String[] check = {"data", "check", rows.toString(), "--model", model, "--task", "sequence-classification"};
        Captured classes = Captured.loft(check);
        assertEquals(0, classes.status(), classes.err());
        assertTrue(classes.out().contains("and 10 labels more"), classes.out());
        Captured numbers = Captured.loft(with(List.of(check), "--problem-type", "regression"));
        assertEquals(0, numbers.status(), numbers.err());
        assertTrue(numbers.out().contains("  labels: numbers from 0.0 to 59.0\n"), numbers.out());
    }

    @Test
    void smallNumbersKeepTheirDigits() {
        assertEquals("3.8042", ScoreLines.text(3.80416));
        assertEquals("-12.5000", ScoreLines.text(-12.5));
        assertEquals("0.01235", ScoreLines.text(0.012346));
        assertEquals("-1.235e-06", ScoreLines.text(-1.2346e-6));
        assertEquals("0.0000", ScoreLines.text(0));
    }
}
