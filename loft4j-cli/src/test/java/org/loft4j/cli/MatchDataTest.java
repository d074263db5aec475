package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.NativeScope;

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
    void theyMayBeReadAsTheyAreLearnt() throws IOException {
        Captured run =
                train(rows("a.csv", 30), "--eval-data", rows("b.csv", 3), "--streaming", "--shuffle-buffer", "8");
        assertEquals(0, run.status(), run.err());
        assertTrue(
                run.err()
                        .contains("30 rows of \"anchor\" and \"positive\" (--format match) in "
                                + folder.resolve("a.csv") + ", read as they are learnt"),
                run.err());
        assertTrue(run.out().contains("mrr_at_10"), run.out());
    }

    /** What stood before texts in training stands before them afterwards, unless another is asked for. */
    @Test
    void promptsOfTheTrainingAreThoseOfItsUse() throws IOException {
        Path rows = rows("a.csv", 6);
        Captured run = train(rows, "--query-prompt", "q: ", "--document-prompt", "p: ");
        assertEquals(0, run.status(), run.err());
        String told = "loft: before each anchor stands \"q: \", before what it is compared with \"p: \"";
        assertTrue(run.err().contains(told), run.err());
        Path adapter = folder.resolve("run");
        SentenceFiles files = SentenceFiles.read(adapter);
        assertEquals("q: p: ", files.queryPrompt() + files.documentPrompt());
        Captured judged = loft("eval", "--adapter", adapter, "--data", rows);
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains(told), judged.err());
        Captured without =
                loft("eval", "--adapter", adapter, "--data", rows, "--query-prompt", "", "--document-prompt", "");
        assertNotEquals(score(judged), score(without));
        assertTrue(!without.err().contains("before each anchor"), without.err());

        String[] search = {"embed", "--adapter", adapter.toString(), "--text", "Once upon", "--query", "Once upon"};
        Captured apart = Captured.loft(search);
        assertTrue(apart.err().contains("before each text stands \"p: \", before each query \"q: \""), apart.err());
        assertNotEquals("1.0000\tOnce upon\n", apart.out());
        List<Object> same = new ArrayList<>(List.of(search));
        same.addAll(List.of("--query-prompt", "p: "));
        assertEquals("1.0000\tOnce upon\n", loft(same.toArray()).out());

        Path merged = folder.resolve("merged");
        assertEquals(0, loft("merge", "--adapter", adapter, "--output", merged).status());
        assertEquals(score(judged), score(loft("eval", "--model", merged, "--data", rows)));
        // what goes on from it has its prompts
        Captured more = loft(
                "train",
                "--adapter",
                adapter,
                "--data",
                rows,
                "--max-steps",
                "1",
                "--batch-size",
                "2",
                "--output",
                folder.resolve("more"));
        assertEquals(0, more.status(), more.err());
        assertTrue(more.err().contains(told), more.err());
    }

    /** As EmbeddingGemma has them. */
    @Test
    void layersBehindThePoolingGoAlong() throws IOException {
        Path model = model();
        new SentenceFiles(Pooling.MEAN, true, 0, false, Map.of(), null, null).write(model, 64);
        Path dense = Files.createDirectories(model.resolve("2_Dense"));
        Files.writeString(dense.resolve("config.json"), "{\"in_features\": 64, \"out_features\": 24, \"bias\": false}");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> weights = Map.of("linear.weight", torch.rand(24, 64));
            SafetensorsWriter.write(dense.resolve("model.safetensors"), weights, Map.of());
        }
        Path modules = model.resolve("modules.json");
        Files.writeString(
                modules,
                Files.readString(modules)
                        .replace("2_Normalize", "2_Dense")
                        .replace("models.Normalize", "models.Dense"));
        Captured run = train(rows("a.csv", 6), "--eval-data", rows("b.csv", 3), "--matryoshka-dims", "24,8");
        assertEquals(0, run.status(), run.err());
        assertFalse(run.err().contains("are not learnt"), run.err());
        Path adapter = folder.resolve("run");
        String card = Files.readString(adapter.resolve("README.md"));
        assertFalse(card.contains("not learnt"), card);
        assertEquals(
                -1, Files.mismatch(dense.resolve("model.safetensors"), adapter.resolve("2_Dense/model.safetensors")));
        String vector = loft("embed", "--adapter", adapter, "--text", "Once").out();
        assertEquals(24, vector.substring(vector.indexOf('[')).split(",").length, vector);

        Path merged = folder.resolve("merged");
        assertEquals(0, loft("merge", "--adapter", adapter, "--output", merged).status());
        assertEquals(
                0,
                loft("merge", "--adapter", adapter, "--output", merged, "--overwrite")
                        .status());
        assertEquals(
                -1, Files.mismatch(dense.resolve("model.safetensors"), merged.resolve("2_Dense/model.safetensors")));
        Path rows = folder.resolve("b.csv");
        assertEquals(
                score(loft("eval", "--adapter", adapter, "--data", rows)),
                score(loft("eval", "--model", merged, "--data", rows)));
        assertRefused(
                "numbers of the model's vectors",
                loft("embed", "--model", merged, "--text", "a", "--dimensions", "25"));
        // another run in its place leaves nothing of it behind
        SentenceFiles.delete(model);
        assertEquals(0, train(rows, "--overwrite").status());
        assertFalse(Files.exists(adapter.resolve("2_Dense")));
    }

    @Test
    void vectorsMayBeOfUseByTheirFirstNumbers() throws IOException {
        Path rows = rows("a.csv", 6);
        Captured run = train(rows, "--eval-data", rows, "--matryoshka-dims", "64,16", "--similarity-scale", "5");
        assertEquals(0, run.status(), run.err());
        assertTrue(!run.err().contains("are not learnt"), run.err());
        Path adapter = folder.resolve("run");
        assertTrue(Files.readString(adapter.resolve("config.yaml")).contains("matryoshka_dims"), "written");
        Captured again = Captured.loft(
                "train", "--config", adapter.resolve("config.yaml").toString(), "--resume");
        assertEquals(0, again.status(), again.err());
        Captured resumed = train(
                rows,
                "--eval-data",
                rows,
                "--matryoshka-dims",
                "16",
                "--similarity-scale",
                "5",
                "--resume",
                "--query-prompt",
                "q: ");
        assertRefused("matryoshka_dims was [64, 16] and is now [16];", resumed);
        assertRefused("query_prompt was \"\" and is now \"q: \";", resumed);
        assertTrue(train(rows, "--overwrite", "--matryoshka-dims", "16")
                .err()
                .contains("of each vector's 64 numbers those behind the first 16 are not learnt"));
        assertEquals(0, train(rows, "--overwrite", "--matryoshka-dims", "64,16").status());
        Captured judged = loft("eval", "--adapter", adapter, "--data", rows, "--dimensions", "16");
        assertEquals(0, judged.status(), judged.err());
        assertNotEquals(score(loft("eval", "--adapter", adapter, "--data", rows)), score(judged));
        Captured short16 = loft("embed", "--adapter", adapter, "--text", "Once", "--dimensions", "16");
        assertEquals(0, short16.status(), short16.err());
        assertEquals(16, short16.out().split(",").length - 1, short16.out());
        assertRefused(
                "dimensions must be from 1 to the 64 numbers of the model's vectors, got 65",
                loft("embed", "--adapter", adapter, "--text", "Once", "--dimensions", "65"));
        assertRefused(
                "dimensions must be from 1 to the 64 numbers of the model's vectors, got 65",
                loft("eval", "--adapter", adapter, "--data", rows, "--dimensions", "65"));
        assertRefused(
                "matryoshka_dims must not pass the 64 numbers", train(rows, "--overwrite", "--matryoshka-dims", "128"));
        assertRefused(
                "matryoshka_dims are of sentence embeddings",
                train(
                        file("u.jsonl", "{\"text\": \"Once upon\"}\n"),
                        "--overwrite",
                        "--task",
                        "causal-lm",
                        "--matryoshka-dims",
                        "8"));
    }

    private static String score(Captured judged) {
        return judged.out()
                .lines()
                .filter(line -> line.contains("loss"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aComparisonIsByWhatIsFoundAndGoesOn() throws IOException {
        List<Object> call = new ArrayList<>(List.of("compare", "--model", model(), "--data", rows("a.csv", 8)));
        call.addAll(
                List.of("--eval-data", rows("b.csv", 4), "--test-data", rows("c.csv", 5), "--methods", "loft,lora"));
        call.addAll(List.of("--learning-rates", "1e-3", "--ranks", "2", "--max-steps", "2", "--batch-size", "2"));
        call.addAll(List.of("--query-prompt", "q: ", "--keep-weights", "--output", folder.resolve("compared")));
        Captured first = loft(call.toArray());
        assertEquals(0, first.status(), first.err());
        List<String> table = first.out().lines().toList();
        assertTrue(table.get(0).contains("test mrr_at_10  test loss"), first.out());
        assertTrue(table.get(1).contains("LoFT") && table.get(2).contains("LoRA"), first.out());
        Path run = folder.resolve("compared/runs/loft-2-1e-3-s0");
        Files.delete(folder.resolve("compared/runs/lora-2-1e-3-s0/result.json"));
        Captured again = loft(call.toArray());
        assertEquals(0, again.status(), again.err());
        assertTrue(!again.err().contains("LoFT, rank 2"), "a finished run is not run again: " + again.err());
        assertTrue(again.err().contains("LoRA, rank 2"), again.err());
        try (Stream<Path> all = Files.walk(run)) {
            Path kept = all.filter(SentenceFiles::exists).findFirst().orElseThrow();
            assertEquals("q: ", SentenceFiles.read(kept).queryPrompt());
        }
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

    /** A training would stop at either; with a negative there are two texts to tell apart. */
    @Test
    void aCheckRefusesATextWithNoneBesideIt() throws IOException {
        Path several = rows("a.csv", 4);
        Path one = rows("b.csv", 1);
        Captured held = loft("data", "check", several, "--eval-data", one, "--model", model());
        String told = "the evaluation data holds one text that is to be found, and none beside it: give more rows";
        assertTrue(held.status() != 0 && held.out().contains(told), held.out() + held.err());
        assertRefused(told, train(several, "--eval-data", one));
        Captured alone = loft("data", "check", one, "--model", model());
        assertTrue(alone.status() != 0 && alone.out().contains(told.replace("evaluation", "training")), alone.out());
        assertNotEquals(0, train(one).status());
        Path negative = file("c.csv", "anchor,positive,negative\nOnce,a time,no\n");
        assertEquals(
                0,
                loft("data", "check", several, "--eval-data", negative, "--model", model())
                        .status());
    }

    @Test
    void whatIsOfOtherRowsIsRefused() throws IOException {
        Path rows = rows("a.csv", 4);
        assertRefused(
                "--packing examples and texts that belong together exclude each other",
                train(rows, "--packing", "examples"));
        assertRefused(
                "--query-prompt is of sentence embeddings, and the model is for causal-lm",
                train(file("u.jsonl", "{\"text\": \"Once\"}\n"), "--task", "causal-lm", "--query-prompt", "a"));
        assertRefused("which a language model does not learn", train(rows, "--task", "causal-lm"));
        assertRefused("holds no \"negative\"", train(rows, "--task", "sequence-classification"));
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
