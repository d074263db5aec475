package org.loft4j.cli;

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
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code --problem-type multi_label_classification} refuses. */
class MultiLabelEdgesTest {
    @TempDir
    Path folder;

    private String model = "";

    @BeforeEach
    void openModel() throws IOException {
        model = TinyModels.encoder(folder.resolve("model")).toString();
    }

    private Captured call(String verb, String rows, String... more) {
        List<String> call = new ArrayList<>(List.of(verb, "--model", model, "--data", rows));
        if (verb.equals("train")) {
            call.addAll(List.of("--output", folder.resolve("run").toString(), "--max-steps", "1"));
        }
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    private String file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text).toString();
    }

    private void refused(int status, String words, Captured call) {
        assertEquals(status, call.status(), call.err());
        assertTrue(call.err().contains(words), call.err());
        assertFalse(Files.exists(folder.resolve("run/config.yaml")), "refused, and yet begun");
    }

    @Test
    void whatDoesNotGoWithSeveralLabelsIsRefused() throws IOException {
        String rows = file("rows.csv", "text,labels\nred ball,red|ball\nblue,blue\none,\n");
        String[] several = {"--problem-type", "multi-label-classification", "--label-separator", "|"};
        for (String[] more : new String[][] {
            {
                "--task",
                "causal-lm",
                "--problem-type multi_label_classification is for --task sequence-classification or image-classification, got"
            },
            {"--label-columns", "a,b", "label_separator and label_columns exclude each other"},
            {"--packing", "blocks", "packing is for language models, but the data is for a classifier"},
            {"--label-smoothing", "0.1", "label_smoothing_factor is 0.1, and where a text may have several labels"},
            {
                "--metric-for-best",
                "f1",
                "--eval-data",
                rows,
                "must be one of loss, accuracy, micro_f1, macro_f1, micro_roc_auc, macro_roc_auc for this task, got f1"
            },
            {"--format", "text", "several labels are those of a text"},
        }) {
            List<String> call = new ArrayList<>(List.of(several));
            call.addAll(List.of(more).subList(0, more.length - 1));
            refused(2, more[more.length - 1], call("train", rows, call.toArray(String[]::new)));
        }
        refused(
                1,
                "but a table of text cannot hold lists: --label-separator says",
                call("train", rows, "--problem-type", "multi_label_classification"));
    }

    /** Nothing of a flag that means nothing. */
    @Test
    void flagsOfSeveralLabelsAreRefusedElsewhere() throws IOException {
        String rows = file("rows.csv", "text,label\nred ball,red\nblue,blue\n");
        String words =
                " is for texts or images that may have several labels: ask for --problem-type multi_label_classification";
        refused(
                2,
                "--label-separator" + words,
                call("train", rows, "--task", "sequence-classification", "--label-separator", "|"));
        refused(
                2,
                "--label-columns" + words,
                call("train", rows, "--problem-type", "regression", "--label-columns", "a,b"));
    }

    /** Of a label without a column nothing says which texts have it: that none has it would be a guess. */
    @Test
    void columnsForSomeOfTheModelsLabelsAreRefused() throws IOException {
        String rows = file("rows.csv", "text,red,blue,ball\nred ball,1,0,1\nblue,0,1,0\none,0,0,0\n");
        String[] all = {
            "--problem-type",
            "multi_label_classification",
            "--label-columns",
            "red,blue,ball",
            "--method",
            "lora",
            "--rank",
            "2"
        };
        Captured trained = call("train", rows, all);
        assertEquals(0, trained.status(), trained.err());
        assertTrue(
                trained.err().contains("; 3 labels, of which a text may have several: \"red\", \"blue\", \"ball\""),
                trained.err());
        String run = folder.resolve("run").toString();
        List<String> some = List.of("--model", model, "--adapter", run, "--data", rows, "--label-columns", "blue,red");
        String words =
                "--label-columns names no column for a label of the model, \"ball\": nothing says which texts or images have it";
        for (Captured refused : List.of(
                loft("eval", some),
                loft("train", some, "--output", folder.resolve("more").toString()),
                loft(
                        "train",
                        some,
                        "--streaming",
                        "--output",
                        folder.resolve("more").toString()))) {
            assertEquals(2, refused.status(), refused.err());
            assertTrue(refused.err().contains(words), refused.err());
        }
        String lists = file("lists.jsonl", "{\"text\": \"red\", \"labels\": [\"red\"]}\n");
        Captured fewer = loft("eval", List.of("--model", model, "--adapter", run, "--data", lists));
        assertEquals(0, fewer.status(), fewer.err());
    }

    private static Captured loft(String verb, List<String> call, String... more) {
        return Captured.loft(Stream.of(Stream.of(verb), call.stream(), Stream.of(more))
                .flatMap(words -> words)
                .toArray(String[]::new));
    }

    /** A separator that the rows do not have makes one label of several, which is seen by the labels. */
    @ParameterizedTest
    @ValueSource(strings = {"--dry-run", "--streaming"})
    void theLabelsAreTold(String flag) throws IOException {
        String rows = file("rows.csv", "text,labels\nred ball,red;ball\nblue,blue\none,\n");
        Captured told =
                call("train", rows, "--problem-type", "multi_label_classification", "--label-separator", "|", flag);
        assertEquals(0, told.status(), told.err());
        assertTrue(
                told.err().contains("; 2 labels, of which a text may have several: \"blue\", \"red;ball\""),
                told.err());
    }

    /** Flags of two labels are names that every row has: only all rows together show it. */
    @Test
    void labelsThatEveryRowHasAreTold() throws IOException {
        String[] several = {"--problem-type", "multi_label_classification", "--dry-run"};
        String flags =
                "{\"text\": \"red ball\", \"labels\": [0, 1]}\n{\"text\": \"blue\", \"labels\": [1, 0]}\n".repeat(5);
        Captured told = call("train", file("flags.jsonl", flags), several);
        assertEquals(0, told.status(), told.err());
        assertTrue(
                told.err().contains("; every row has every label (\"0\", \"1\"), so that there is nothing to tell"),
                told.err());
        Captured some = call("train", file("some.jsonl", flags + "{\"text\": \"one\", \"labels\": []}\n"), several);
        assertFalse(some.err().contains("every row has every label"), some.err());
    }

    /** A model that has learnt nothing yet says nothing of its rows. */
    @Test
    void rowsAreInspectedAsTheyWillBeLearnt() throws IOException {
        String rows = file("rows.csv", "text,labels\nred ball,red|ball\nblue,blue\none,\n");
        Captured shown = call(
                "inspect", rows, "--problem-type", "multi_label_classification", "--label-separator", "|", "--json");
        assertEquals(0, shown.status(), shown.err());
        JsonNode tree = new ObjectMapper().readTree(shown.out()).get("rows");
        assertEquals("[\"ball\",\"red\"]", tree.at("/0/examples/0/labels").toString());
        assertEquals("[]", tree.at("/2/examples/0/labels").toString());
        assertFalse(tree.at("/0/examples/0").has("label"), shown.out());
        Captured task = call("inspect", rows, "--problem-type", "regression", "--task", "causal-lm");
        assertEquals(2, task.status(), task.err());
    }

    @Test
    void rowsWithFaultsAreToldOrLeftOut() throws IOException {
        String rows = file(
                "rows.jsonl",
                "{\"text\": \"red ball\", \"labels\": [\"red\", \"ball\"]}\n{\"text\": \"blue\", \"labels\": \"blue\"}\n"
                        + "{\"text\": \"one\", \"labels\": []}\n");
        String fault = rows + ", line 2: \"labels\" must be an array of names, found the string \"blue\"";
        String[] several = {"--problem-type", "multi_label_classification"};
        refused(1, fault, call("train", rows, several));
        Captured checked =
                Captured.loft("data", "check", rows, "--model", model, "--problem-type", "multi_label_classification");
        assertEquals(1, checked.status(), checked.err());
        assertTrue(checked.out().contains(fault), checked.out());
        Captured kept = call(
                "train",
                rows,
                "--problem-type",
                "multi_label_classification",
                "--skip-faulty-rows",
                "--method",
                "lora",
                "--rank",
                "2");
        assertEquals(0, kept.status(), kept.err());
        String held = file("held.jsonl", "{\"text\": \"green\", \"labels\": [\"green\"]}\n");
        Captured unknown = Captured.loft(
                "eval", "--model", model, "--adapter", folder.resolve("run").toString(), "--data", held);
        assertEquals(1, unknown.status(), unknown.err());
        assertTrue(
                unknown.err().contains("label \"green\" is unknown; the labels are \"ball\", \"red\""), unknown.err());
    }
}
