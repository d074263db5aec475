package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From files of texts that belong together to a training, and what refuses or shows them on the way. */
class MatchDataTest {
    @TempDir
    Path folder;

    private Path model() throws IOException {
        Path model = folder.resolve("model");
        return Files.exists(model) ? model : Fixtures.copy("stories260K", model);
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Path rows(String name, int rows) throws IOException {
        return file(
                name,
                "anchor,positive,negative\n"
                        + IntStream.range(0, rows)
                                .mapToObj(i -> "Once upon " + i + ",a time " + i + (i == 1 ? ",no\n" : ",\n"))
                                .collect(Collectors.joining()));
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private Captured train(Path rows, Object... more) throws IOException {
        List<Object> call = new ArrayList<>(List.of(
                "train",
                "--model",
                model(),
                "--data",
                rows,
                "--max-steps",
                "2",
                "--batch-size",
                "2",
                "--output",
                folder.resolve("run")));
        call.addAll(List.of(more));
        return loft(call.toArray());
    }

    private static void assertRefused(String message, Captured call) {
        assertNotEquals(0, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }

    @Test
    void theRowsBringTheTask() throws IOException {
        Captured run = train(rows("a.csv", 6), "--eval-data", rows("b.csv", 3), "--accumulate", "2");
        assertEquals(0, run.status(), run.err());
        assertTrue(
                run.err()
                        .contains("loft: 6 rows of \"anchor\" and \"positive\" (--format match) in "
                                + folder.resolve("a.csv") + ", and 1 negative beside them"),
                run.err());
        assertTrue(run.out().contains("mrr_at_10") || run.err().contains("mrr_at_10"), run.out() + run.err());
        Path adapter = folder.resolve("run");
        assertTrue(Files.exists(adapter.resolve("adapter_model.safetensors")));
        Captured judged = loft(
                "eval", "--adapter", adapter, "--model", folder.resolve("model"), "--data", folder.resolve("b.csv"));
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.out().contains("recall_at_10"), judged.out());
        // what nothing was trained for is judged by what the rows are for
        Captured base = loft("eval", "--model", folder.resolve("model"), "--data", folder.resolve("b.csv"));
        assertEquals(0, base.status(), base.err());
        assertTrue(base.out().contains("recall_at_10"), base.out());
        assertRefused(
                "it needs \"anchor\" and \"positive\"",
                loft("eval", "--adapter", adapter, "--data", file("t.jsonl", "{\"text\": \"Once\"}\n")));
    }

    @Test
    void aDryRunReckonsWithBothBatches() throws IOException {
        Captured run = train(rows("a.csv", 6), "--dry-run");
        assertEquals(0, run.status(), run.err());
        assertTrue(run.out().contains("none held out"), run.out());
    }

    @Test
    void aCheckAndAnInspectionShowThem() throws IOException {
        Path rows = rows("a.csv", 4);
        Captured check = loft("data", "check", rows, "--model", model());
        assertEquals(0, check.status(), check.err());
        assertTrue(check.out().contains("4 rows of \"anchor\" and \"positive\" (--format match)"), check.out());
        Captured shown = loft("inspect", "--data", rows, "--model", folder.resolve("model"), "--rows", "2");
        assertEquals(0, shown.status(), shown.err());
        List<String> told =
                shown.out().lines().filter(line -> line.contains(" tokens")).toList();
        assertTrue(told.get(0).startsWith("anchor: "), shown.out());
        assertTrue(told.get(4).startsWith("negative: "), shown.out());
        assertTrue(told.stream().allMatch(line -> line.endsWith(" tokens")), shown.out());
    }

    @Test
    void whatIsOfOtherRowsIsRefused() throws IOException {
        Path rows = rows("a.csv", 4);
        assertRefused(
                "--packing examples and texts that belong together exclude each other",
                train(rows, "--packing", "examples"));
        assertRefused("--streaming and texts that belong together exclude each other", train(rows, "--streaming"));
        assertRefused("which a language model does not learn", train(rows, "--task", "causal-lm"));
        assertRefused("and no classifier or regression", train(rows, "--task", "sequence-classification"));
        assertRefused(
                "label_smoothing_factor is 0.1, and sentence embeddings have no classes",
                train(rows, "--label-smoothing", "0.1"));
        Path texts = file("t.jsonl", "{\"text\": \"Once\"}\n");
        assertRefused("it needs \"anchor\" and \"positive\"", train(texts, "--task", "sentence-embedding"));
        assertRefused(
                "holds no texts that belong together, as the rows to learn from do", train(rows, "--eval-data", texts));
        assertRefused("similarity_scale must be greater than 0", train(rows, "--similarity-scale", "0"));
        assertRefused("a step has one row", train(file("one.csv", "anchor,positive\na,b\n")));
    }
}
