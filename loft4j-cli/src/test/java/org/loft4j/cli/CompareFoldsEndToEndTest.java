package org.loft4j.cli;

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
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Cross-validation on a small model: its runs, its table, what goes on and what is refused. */
class CompareFoldsEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path rows;

    @BeforeEach
    void makeTheTask() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        rows = TinyModels.colours(directory.resolve("rows.csv"), 24);
    }

    private String[] call(String... more) {
        List<String> call = new ArrayList<>(List.of("compare", "--model", model.toString(), "--data", rows.toString()));
        call.addAll(List.of("--ranks", "1", "--max-steps", "1", "--batch-size", "4"));
        call.addAll(List.of("--output", directory.resolve("compared").toString()));
        call.addAll(Arrays.asList(more));
        return call.toArray(String[]::new);
    }

    private JsonNode result(String run) throws IOException {
        return new ObjectMapper()
                .readTree(directory
                        .resolve("compared/runs")
                        .resolve(run)
                        .resolve("result.json")
                        .toFile());
    }

    @Test
    void eachFoldIsHeldOutOnceAndTheTableIsOverFoldsAndSeeds() throws IOException {
        Files.writeString(rows, Files.readString(rows) + "a lone text,lonely\n");
        Captured called = Captured.loft(call(
                "--folds",
                "2",
                "--methods",
                "lora,full",
                "--learning-rates",
                "1e-3",
                "--learning-rates",
                "full=1e-3,1e-2",
                "--json"));
        assertEquals(0, called.status(), called.err());
        assertTrue(
                called.err()
                        .contains(
                                "1 label has fewer different texts than the 2 folds, some of which do not judge it: \"lonely\" (1);"
                                        + " a label of one text is never learnt where it is judged"),
                called.err());
        assertTrue(called.err().contains("learning rate 1e-3, seed 0, fold 2: held-out "), called.err());
        JsonNode summary = new ObjectMapper().readTree(called.out());
        assertEquals(2, summary.get("folds").asInt());
        assertEquals(6, summary.get("runs").size());
        Set<String> learnt = new HashSet<>();
        for (int fold = 1; fold <= 2; fold++) {
            JsonNode ours = result("lora-1-1e-3-s0-f" + fold);
            assertEquals(ours.get("validation").get("loss"), ours.get("test").get("loss"));
            assertEquals(ours.at("/settings/eval_data"), ours.at("/settings/test_data"));
            // the pair has the same rows
            assertEquals(
                    ours.at("/settings/train_data"),
                    result("full-1e-3-s0-f" + fold).at("/settings/train_data"));
            learnt.add(ours.at("/settings/train_data").asText());
        }
        assertEquals(2, learnt.size());
        JsonNode lora = summary.at("/standings/1");
        assertEquals("1 2", lora.get("folds").asText());
        assertEquals(2, lora.get("runs").asInt());
        assertEquals(
                lora.get("test_accuracy_sd").asDouble() / Math.sqrt(2),
                lora.get("test_accuracy_se").asDouble(),
                1e-12);
        assertEquals(2, lora.get("to_full_pairs").asInt());

        String text = Files.readString(directory.resolve("compared/summary.txt"));
        assertTrue(text.contains("held-out accuracy %") && text.contains("2 × 1"), text);
        assertTrue(text.contains("Mean ± standard error over 2 folds of each seed"), text);
        assertTrue(text.contains("chosen by the rows that its figure is of, which is optimistic"), text);
        assertTrue(text.contains("the same seed and fold"), text);

        // another seed parts the rows anew, and nothing that is finished is run again
        Captured more = Captured.loft(
                call("--folds", "2", "--learning-rates", "1e-3", "--seeds", "0,1", "--methods", "lora", "--json"));
        assertEquals(0, more.status(), more.err());
        JsonNode both = new ObjectMapper().readTree(more.out());
        assertEquals(8, both.get("runs").size());
        assertEquals(4, both.at("/standings/1/runs").asInt());
        for (int fold = 1; fold <= 2; fold++) {
            assertNotEquals(
                    result("lora-1-1e-3-s0-f" + fold).at("/settings/eval_data"),
                    result("lora-1-1e-3-s1-f" + fold).at("/settings/eval_data"));
        }

        Captured other = Captured.loft(call("--folds", "3", "--methods", "lora", "--learning-rates", "1e-3"));
        assertEquals(2, other.status());
        assertTrue(other.err().contains("folds was 2 and is now 3"), other.err());
        // nor beside runs that have not ended yet
        Files.move(directory.resolve("compared/runs"), directory.resolve("none"));
        Captured early = Captured.loft(call("--folds", "3", "--methods", "lora", "--learning-rates", "1e-3"));
        assertEquals(2, early.status());
        assertTrue(early.err().contains("whose folds were 2 and are now 3"), early.err());
    }

    @Test
    void rowsOfATestJudgeEveryRunAndWhatDoesNotGoTogetherIsRefused() throws IOException {
        Path test = TinyModels.colours(directory.resolve("test.csv"), 8);
        Captured called = Captured.loft(
                call("--folds", "2", "--methods", "lora", "--test-data", test.toString(), "--learning-rates", "1e-3"));
        assertEquals(0, called.status(), called.err());
        assertTrue(called.out().contains("test accuracy %"), called.out());
        assertTrue(called.out().contains("judged by the test data"), called.out());
        assertTrue(called.out().contains("the standard error and the confidence interval are too small"), called.out());
        assertTrue(called.err().contains("test rows are training rows too"), called.err());
        assertEquals(
                result("lora-1-1e-3-s0-f1").at("/settings/test_data"),
                result("lora-1-1e-3-s0-f2").at("/settings/test_data"));

        Captured refused = Captured.loft(call("--folds", "1", "--eval-data", rows.toString()));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("--folds and --eval-data exclude each other"), refused.err());
        assertTrue(refused.err().contains("folds must be at least 2, got 1"), refused.err());
        Captured none = Captured.loft(call("--folds", "0", "--test-data", test.toString()));
        assertEquals(2, none.status());
        assertTrue(none.err().contains("folds must be at least 2, got 0"), none.err());
        // folds of the call take the place of validation rows of a file
        Path settings = Files.writeString(directory.resolve("settings.yaml"), "validation_file: " + rows + "\n");
        Captured many = Captured.loft(call("--folds", "40", "--config", settings.toString()));
        assertEquals(2, many.status());
        assertTrue(many.err().contains("folds must be at most the number of rows with different texts"), many.err());
    }

    @Test
    void aLaterFoldThatCannotBeJudgedIsRefusedBeforeAnythingIsWritten() throws IOException {
        StringBuilder csv = new StringBuilder("text,label\n");
        for (int i = 0; i < 8; i++) {
            csv.append("a ball ").append(i).append(",blue\n");
        }
        Files.writeString(rows, csv + "a box,red\n");
        Captured later = Captured.loft(call("--folds", "2", "--methods", "lora", "--metric", "roc_auc"));
        assertEquals(2, later.status());
        assertTrue(later.err().contains("fold 2 of seed 0: "), later.err());
        assertTrue(later.err().contains("rows of different labels"), later.err());
        assertFalse(later.err().contains("the largest of"), later.err());
        assertFalse(Files.exists(directory.resolve("compared/comparison.json")));

        Files.writeString(rows, csv + "a box,red\n" + "a ball 0,blue\n".repeat(40));
        Captured uneven = Captured.loft(call("--folds", "2", "--methods", "lora", "--metric", "roc_auc"));
        assertEquals(2, uneven.status());
        assertTrue(uneven.err().contains("the largest of the 2 folds has 41 of 49 rows"), uneven.err());
    }
}
