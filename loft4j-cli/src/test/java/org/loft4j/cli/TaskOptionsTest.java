package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What does not fit the task is told before the weights of the model are read. */
class TaskOptionsTest {
    @TempDir
    Path folder;

    private Path model = Path.of("");
    private Path rows = Path.of("");

    @BeforeEach
    void write() throws IOException {
        model = TinyModels.encoder(folder.resolve("model"));
        rows = Files.writeString(folder.resolve("rows.csv"), "text,label\na ball,blue\na cat,red\n");
    }

    private Captured call(String verb, Object... more) {
        List<String> words = new ArrayList<>(List.of(verb, "--model", model.toString(), "--data", rows.toString()));
        words.addAll(List.of("--output", folder.resolve("run").toString()));
        if (verb.equals("compare")) {
            words.addAll(List.of("--eval-data", rows.toString(), "--test-data", rows.toString()));
        }
        for (Object word : more) {
            words.add(word.toString());
        }
        return Captured.loft(words.toArray(String[]::new));
    }

    private Captured refused(Captured call, String... told) {
        assertEquals(2, call.status(), call.err());
        for (String one : told) {
            assertTrue(call.err().contains(one), one + "\n" + call.err());
        }
        assertFalse(Files.exists(folder.resolve("run/config.yaml")), "refused, and yet begun");
        return call;
    }

    @Test
    void anOptionOfAnotherTaskIsRefusedAndNotPassedOver() throws IOException {
        String other = ", and the model is for sequence-classification: leave it out";
        refused(
                call("train", "--loss-on", "last", "--augment", "flip", "--max-images", 3, "--chat"),
                "--loss-on is for causal-lm" + other,
                "--chat is for causal-lm" + other,
                "--augment is for image-classification" + other,
                "--max-images is for image-classification" + other);
        refused(call("compare", "--loss-on", "last"), "--loss-on is for causal-lm" + other);
        refused(
                call("train", "--task", "token-classification", "--pooling", "mean"),
                "--pooling is for sequence-classification and sentence-embedding, and the model is for token-classification");
        Path settings = Files.writeString(folder.resolve("settings.yaml"), "loss_on: last\nmax_images: 3\n");
        Captured file = call("train", "--config", settings, "--max-steps", 1);
        assertEquals(0, file.status(), "a file serves other tasks too: " + file.err());
        Captured eval = Captured.loft(
                "eval", "--adapter", folder.resolve("run").toString(), "--data", rows.toString(), "--max-images", "3");
        assertEquals(2, eval.status(), eval.err());
        assertTrue(eval.err().contains("--max-images is for image-classification" + other), eval.err());
    }

    /** Whoever names layers, or a scale, means to train an adapter. */
    @Test
    void whatAnAdapterIsIsRefusedWhereThereIsNone() throws IOException {
        refused(
                call("train", "--method", "full", "--modules-to-save", "score", "--target-modules", "query"),
                "--target-modules, --modules-to-save: of an adapter, and method full trains every parameter of the model itself");
        refused(
                call("train", "--method", "full", "--alpha", 8, "--dropout", 0.1, "--rslora"),
                "--alpha, --dropout, --rslora: of an adapter, and method full");
        Path settings = Files.writeString(
                folder.resolve("shape.yaml"), "r: 4\nlora_alpha: 8\nlora_dropout: 0.1\ntarget_modules: query\n");
        Captured file = call("train", "--method", "full", "--config", settings, "--max-steps", 1);
        assertEquals(0, file.status(), "a file serves other methods too: " + file.err());
    }

    @Test
    void whatIsOfConversationsIsRefusedForTexts() throws IOException {
        Path prompts = Files.writeString(
                folder.resolve("prompts.jsonl"),
                "{\"prompt\": \"Once\", \"completion\": \" upon\"}\n{\"prompt\": \"a\", \"completion\": \" time\"}\n");
        List<String> common = List.of(
                "--model", Fixtures.of("stories260K").toString(), "--data", prompts.toString(), "--loss-on", "all");
        for (List<String> verb : List.of(
                List.of("train", "--output", folder.resolve("run").toString()), List.of("eval"), List.of("inspect"))) {
            Captured call =
                    Captured.loft(Stream.concat(verb.stream(), common.stream()).toArray(String[]::new));
            assertEquals(2, call.status(), call.err());
            assertTrue(call.err().contains("--loss-on: of conversations, and the rows are texts"), call.err());
        }
    }

    @Test
    void rowsOfTagsNameTheirTask() throws IOException {
        Files.writeString(rows, "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\", \"X\"]}\n");
        Captured call = Captured.loft(
                "train",
                "--model",
                model.toString(),
                "--data",
                Files.copy(rows, folder.resolve("tags.jsonl")).toString(),
                "--output",
                folder.resolve("run").toString());
        assertTrue(call.err().contains("--task token-classification"), call.err());
    }

    @Test
    void lossesOfOtherTasksAreToldTogetherBeforeRowsAreRead() throws IOException {
        Files.writeString(rows, "text,label\n");
        refused(
                call("train", "--preference-loss", "simpo", "--matryoshka-dims", 8, "--similarity-scale", 3),
                "loss_type is of preferences, and the task is sequence-classification: leave it out",
                "matryoshka_dims are of sentence embeddings",
                "similarity_scale is of sentence embeddings");
        refused(
                call("train", "--problem-type", "regression", "--class-weights", "a=2", "--label-smoothing", 0.1),
                "class_weights are of a classifier, and the model is opened for a single output: leave them out",
                "label_smoothing_factor is 0.1, and a single output is a number");
    }

    /** The memory is reckoned from shapes alone, and what is refused before it is refused before there are weights. */
    @Test
    void whatDoesNotFitTheRowsIsToldBeforeWeightsAreRead() {
        for (Captured call : List.of(
                refused(
                        call("train", "--early-stopping-patience", 2, "--max-memory", "1MB"),
                        "early_stopping_patience needs evaluation data"),
                refused(
                        call("train", "--metric-for-best", "perplexity", "--eval-share", 0.5, "--max-memory", "1MB"),
                        "metric_for_best_model must be one of loss, accuracy"))) {
            assertFalse(call.err().contains("max_memory"), call.err());
        }
        refused(
                call("train", "--metric-for-best", "accuracy"),
                "--metric-for-best is of held-out rows, and there are none");
        refused(call("train", "--max-memory", "1MB"), "max_memory");
    }

    @Test
    void aModelThatWritesTextTellsNoClasses() throws IOException {
        Captured call =
                Captured.loft("predict", "--model", Fixtures.of("stories260K").toString(), "--text", "a");
        assertEquals(2, call.status(), call.err());
        assertTrue(
                call.err().contains("the model writes text, and tells no classes: 'loft generate' asks it"),
                call.err());
    }
}
