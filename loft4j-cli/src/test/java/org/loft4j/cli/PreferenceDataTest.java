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
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From files of preferences to a training, and what refuses or shows them on the way. */
class PreferenceDataTest {
    private static final String TEMPLATE =
            "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% else %} -"
                    + "{% endif %}{% endfor %}";

    @TempDir
    Path folder;

    private Path model() throws IOException {
        Path model = Fixtures.copy("stories260K", folder.resolve("model"));
        Files.writeString(model.resolve("chat_template.jinja"), TEMPLATE);
        return model;
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text.replace('\'', '"'));
    }

    /** Rows with a prompt, and two answers that are texts. */
    private Path texts(String name, int rows) throws IOException {
        return file(
                name,
                IntStream.range(0, rows)
                        .mapToObj(i ->
                                "{'prompt': 'Once upon " + i + "', 'chosen': ' a time there was', 'rejected': ' no'}\n")
                        .collect(Collectors.joining()));
    }

    /** Rows of two conversations that differ in the last turn. */
    private Path turns(String name, int rows) throws IOException {
        return file(
                name,
                IntStream.range(0, rows)
                        .mapToObj(i -> "{'prompt': 'Once " + i + "', 'chosen': " + turns(i, " a time there was")
                                + ", 'rejected': " + turns(i, " no") + "}\n")
                        .collect(Collectors.joining()));
    }

    private static String turns(int row, String answer) {
        return "[{'role': 'user', 'content': 'Once " + row + "'}, {'role': 'assistant', 'content': '" + answer + "'}]";
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private Captured train(Path model, Path rows, Object... more) {
        List<Object> call = new ArrayList<>(List.of(
                "train",
                "--model",
                model,
                "--data",
                rows,
                "--max-steps",
                "2",
                "--batch-size",
                "2",
                "--output",
                folder.resolve("run-" + rows.getFileName())));
        call.addAll(List.of(more));
        return loft(call.toArray());
    }

    private static void assertRefused(String message, Captured call) {
        assertNotEquals(0, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }

    @Test
    void aTrainingLearnsFromTexts() throws IOException {
        Captured run = train(model(), texts("texts.jsonl", 6), "--eval-share", "0.4");
        assertEquals(0, run.status(), run.err());
        assertTrue(
                run.err()
                        .contains(
                                "loft: 6 rows of \"prompt\" and \"chosen\" and \"rejected\" (--format preference) in "),
                run.err());
        assertFalse(run.err().contains("became"), run.err());
        assertTrue(Files.exists(folder.resolve("run-texts.jsonl").resolve("adapter_model.safetensors")));
    }

    @Test
    void aTrainingLearnsFromConversations() throws IOException {
        Path held = turns("held.jsonl", 2);
        Captured run = train(model(), turns("turns.jsonl", 4), "--eval-data", held, "--max-length", "10");
        assertEquals(0, run.status(), run.err());
        assertTrue(run.err().contains("loft: 4 of 4 training rows were cut to 10 tokens"), run.err());
        assertTrue(Files.exists(folder.resolve("run-turns.jsonl").resolve("adapter_model.safetensors")));
        Path bare = Fixtures.copy("stories260K", folder.resolve("bare"));
        Path other = turns("other.jsonl", 4);
        assertRefused("other.jsonl, line 1: holds messages, but the model has no chat template", train(bare, other));
    }

    @Test
    void rowsWithFaultsMayBeLeftOut() throws IOException {
        Path rows = texts("texts.jsonl", 4);
        Files.writeString(
                rows,
                Files.readString(rows)
                        + ("{'prompt': 'a', 'chosen': 'b', 'rejected': 'b'}\n{'prompt': 'a', 'chosen': 'Once upon a time, there"
                                        + " was', 'rejected': 'Once upon a time, there is'}\n")
                                .replace('\'', '"'));
        Path model = model();
        assertRefused(
                "line 5: the preferred answer and the other are the same: there is nothing to learn from them",
                train(model, rows));
        Captured run = train(model, rows, "--skip-faulty-rows", "--max-length", "8");
        assertEquals(0, run.status(), run.err());
        assertTrue(run.err().contains("line 5: the preferred answer"), run.err());
        assertTrue(
                run.err().contains("line 6: has two answers that are the same tokens once they are cut to 8"),
                run.err());
    }

    @Test
    void whatPreferencesDoNotGoWithIsRefused() throws IOException {
        Path model = model();
        Path rows = texts("texts.jsonl", 4);
        assertRefused(
                "--streaming and preferences by --preference-loss sigmoid exclude each other: what the model holds of every answer"
                        + " is found out before the first step, and kept; --preference-loss simpo and orpo do without. Else leave"
                        + " --streaming out",
                train(model, rows, "--streaming"));
        for (String packing : List.of("blocks", "examples")) {
            assertRefused(
                    "--packing " + packing
                            + " and preferences exclude each other: the answers to prompts are compared, each"
                            + " in a row of its own; leave --packing out",
                    train(model, rows, "--packing", packing));
        }
        assertRefused("loss_on all takes the prompt too", train(model, turns("turns.jsonl", 4), "--loss-on", "all"));
        Path prompts = file("prompts.jsonl", "{'prompt': 'Once', 'completion': ' upon'}\n");
        assertRefused(
                "prompts.jsonl, line 1: holds one answer, and the rows to learn from hold preferences: held-out rows must have"
                        + " \"chosen\" and \"rejected\" too",
                train(model, rows, "--eval-data", prompts));
        assertRefused(
                "texts.jsonl, line 1: holds a preference, and the rows to learn from hold none",
                train(model, prompts, "--eval-data", rows));
        String classifier =
                "texts.jsonl, line 1: holds two answers of which one is preferred, which a language model learns"
                        + " (--task causal-lm) and no classifier or regression does";
        assertRefused(classifier, train(model, rows, "--task", "token-classification"));
        assertRefused(
                classifier, train(model, rows, "--task", "sequence-classification", "--problem-type", "regression"));
        Captured experiment = loft(
                "reproduce",
                "alpha",
                "--model",
                model,
                "--data",
                rows,
                "--eval-data",
                rows,
                "--test-data",
                rows,
                "--output",
                folder.resolve("alpha"));
        assertRefused("texts.jsonl holds preferences, which no experiment learns from", experiment);
        assertFalse(Files.exists(folder.resolve("run-texts.jsonl")));
    }

    @Test
    void aCheckTellsOfThem() throws IOException {
        Path rows = texts("texts.jsonl", 3);
        String first = Files.readString(rows).lines().findFirst().orElseThrow();
        Files.writeString(
                rows,
                Files.readString(rows) + first + "\n" + first.replace(" no", " not") + "\n"
                        + first.replace(" a time there was", " no") + "\n");
        Path held = texts("held.jsonl", 1);
        Captured call =
                loft("data", "check", rows, "--model", model(), "--eval-data", held, "--max-length", "8", "--json");
        assertEquals(1, call.status(), call.err());
        JsonNode tree = new ObjectMapper().readTree(call.out());
        JsonNode training = tree.get("training_rows");
        assertEquals("preference", training.get("format").asText());
        assertEquals(5, training.get("rows").asInt());
        assertEquals(5, training.get("rows_cut").asInt());
        assertEquals(1, training.get("faults").size());
        assertTrue(training.get("faults")
                .get(0)
                .asText()
                .contains("line 6: the preferred answer and the other are the same"));
        assertEquals(1, tree.get("duplicates").size());
        assertEquals(1, tree.get("other_answers").size());
        assertEquals(1, tree.get("in_both").size());
        Path chats = file("chats.jsonl", "{'chosen': " + turns(1, "") + ", 'rejected': " + turns(1, " no") + "}\n");
        Captured text = loft("data", "check", chats, "--model", folder.resolve("model"));
        assertEquals(0, text.status(), text.out());
        assertTrue(
                text.out().contains("training rows: 1 row of \"chosen\" and \"rejected\" (--format preference)"),
                text.out());
        assertTrue(text.out().contains("empty answers: 1"), text.out());
    }

    @Test
    void bothAnswersAreShown() throws IOException {
        Path rows = turns("turns.jsonl", 2);
        Path model = model();
        Captured call = loft("inspect", "--data", rows, "--model", model, "--rows", "1");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().startsWith("row 1, line 1: nothing cut\nchosen: "), call.out());
        assertTrue(call.out().contains("\nrejected: "), call.out());
        assertTrue(call.out().contains("[ n][o][</s>]"), call.out());
        Captured json = loft("inspect", "--data", rows, "--model", model, "--rows", "1", "--json");
        JsonNode examples =
                new ObjectMapper().readTree(json.out()).get("rows").get(0).get("examples");
        assertEquals("chosen", examples.get(0).get("answer").asText());
        assertEquals("rejected", examples.get(1).get("answer").asText());
        assertTrue(examples.get(0).get("loss_tokens").asInt()
                > examples.get(1).get("loss_tokens").asInt());
    }

    @Test
    void theyMayBeAskedAlone() throws IOException {
        Path rows = texts("texts.jsonl", 1);
        Captured call = loft("generate", "--data", rows, "--model", model(), "--max-new-tokens", "2", "--json");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("Once upon 0"), call.out());
        Captured whole = loft(
                "generate",
                "--data",
                turns("turns.jsonl", 1),
                "--model",
                folder.resolve("model"),
                "--max-new-tokens",
                "2");
        assertEquals(0, whole.status(), whole.err());
    }
}
