package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.RowInspection.Example;
import org.loft4j.cli.RowInspection.Token;
import org.loft4j.data.Truncations;

class InspectRowsTest {
    @TempDir
    Path directory;

    /** The tokenizer of stories260K, with a template. */
    private Path model() throws IOException {
        Path model = Files.createDirectories(directory.resolve("model"));
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")) {
            Files.copy(Fixtures.of("stories260K").resolve(name), model.resolve(name));
        }
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}"
                        + "{% else %} -{% endif %}{% endfor %}");
        return model;
    }

    private Path chats() throws IOException {
        return Files.writeString(
                directory.resolve("chats.jsonl"),
                ("{\"messages\": [{\"role\": \"user\", \"content\": \"Once upon\"},"
                                + " {\"role\": \"assistant\", \"content\": \" a time\"}]}\n")
                        .repeat(2));
    }

    @Test
    void learntTokensAreMarked() throws IOException {
        Captured call =
                Captured.loft("inspect", "--data", chats().toString(), "--model", model().toString(), "--rows", "1");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("row 1, line 1: nothing cut"), call.out());
        assertTrue(call.out().contains("[ a][ time][</s>]"), call.out());
        assertTrue(call.out().contains("<s>|"), call.out());
        assertEquals(-1, call.out().indexOf('\u001b'), "no colour where there is no terminal");
        assertEquals(-1, call.out().indexOf("row 2"));
    }

    @Test
    void jsonHasEveryToken() throws IOException {
        Captured call = Captured.loft(
                "inspect", "--json", "--data", chats().toString(), "--model", model().toString(), "--loss-on", "all");
        assertEquals(0, call.status(), call.err());
        JsonNode example = new ObjectMapper()
                .readTree(call.out())
                .get("rows")
                .get(1)
                .get("examples")
                .get(0);
        assertEquals("<s>Once upon - a time</s>", example.get("text").asText().replace("<s> ", "<s>"));
        assertEquals(example.get("length").asInt(), example.get("tokens").size());
        assertEquals(
                example.get("length").asInt() - 1, example.get("loss_tokens").asInt());
        assertEquals(
                2,
                example.get("tokens")
                        .get(example.get("length").asInt() - 1)
                        .get("id")
                        .asInt());
    }

    @Test
    void rowsComeFromQueriesAndPatternsToo() throws IOException {
        chats();
        Captured query = Captured.loft(
                "inspect",
                "--data",
                "SELECT m.content AS prompt, ' a time' AS completion FROM (SELECT messages[1] AS m FROM '" + directory
                        + "/chats.jsonl') LIMIT 1",
                "--model",
                model().toString());
        assertEquals(0, query.status(), query.err());
        assertTrue(query.out().contains("row 1: nothing cut"), query.out());
        assertTrue(query.out().contains("[ a][ time][</s>]"), query.out());
        Files.copy(directory.resolve("chats.jsonl"), directory.resolve("chats-2.jsonl"));
        Captured pattern = Captured.loft(
                "inspect", "--rows", "9", "--data", directory + "/chats*", "--model", directory + "/model");
        assertEquals(0, pattern.status(), pattern.err());
        assertTrue(pattern.out().contains("row 4, line 2: nothing cut"), pattern.out());
        Captured none = Captured.loft("inspect", "--data", directory + "/no*.csv", "--model", directory + "/model");
        assertEquals(2, none.status());
        assertTrue(none.err().contains("no*.csv: no file matches this pattern"), none.err());
    }

    @Test
    void instructionsBecomeAPromptOrATurn() throws IOException {
        Path rows = Files.writeString(
                directory.resolve("rows.csv"), "instruction,input,output\nOnce upon,there was, a time\n");
        String model = model().toString();
        Captured plain = Captured.loft("inspect", "--json", "--data", rows.toString(), "--model", model);
        assertEquals(0, plain.status(), plain.err());
        assertTrue(plain.out().contains("### Instruction:\\nOnce upon\\n\\n### Input:\\nthere was"), plain.out());
        Captured turn = Captured.loft("inspect", "--json", "--chat", "--data", rows.toString(), "--model", model);
        assertEquals(0, turn.status(), turn.err());
        assertTrue(turn.out().contains("Once upon\\n\\nthere was - a time</s>"), turn.out());
        Captured stated = Captured.loft("inspect", "--format", "text", "--data", rows.toString(), "--model", model);
        assertEquals(1, stated.status());
        assertTrue(stated.err().contains("has no \"text\"; it has \"instruction\""), stated.err());
        Captured wrong = Captured.loft(
                "inspect", "--format", "chat", "--prompt-column", "a", "--data", rows.toString(), "--model", model);
        assertEquals(2, wrong.status());
        assertTrue(wrong.err().contains("format must be one of auto, text"), wrong.err());
        assertTrue(wrong.err().contains("prompt_column and completion_column belong together"), wrong.err());
    }

    /** Whether it cannot be read, or has more tokens than there is room for. */
    @Test
    void faultyRowsAreLeftOutWhereThatIsAsked() throws IOException {
        String large = "and then ".repeat(400);
        Path rows = Files.writeString(
                directory.resolve("prompts.jsonl"),
                "{\"prompt\": \"\"}\n{\"prompt\": \"" + large + "\"}\n{\"prompt\": \"Once upon\"}\n");
        String model = model().toString();
        String[] call = {"inspect", "--format", "reward", "--data", rows.toString(), "--model", model};
        assertEquals(1, Captured.loft(call).status());
        Captured left = Captured.loft(
                Stream.concat(Stream.of(call), Stream.of("--skip-faulty-rows")).toArray(String[]::new));
        assertEquals(0, left.status(), left.err());
        assertTrue(left.err().contains("line 1: "), left.err());
        assertTrue(left.err().contains("loft: left out (--skip-faulty-rows): " + rows + ", line 2: "), left.err());
        assertTrue(left.out().contains("line 3"), left.out());
    }

    @Test
    void wrongCallsAreRefused() throws IOException {
        Captured nothing = Captured.loft("inspect");
        assertEquals(2, nothing.status());
        assertTrue(nothing.err().contains("'PATH'"), nothing.err());
        Captured modelless = Captured.loft("inspect", "--data", chats().toString());
        assertEquals(2, modelless.status());
        assertTrue(modelless.err().contains("--data needs --model"), modelless.err());
        Captured both = Captured.loft(
                "inspect",
                "a",
                "--data",
                chats().toString(),
                "--model",
                model().toString(),
                "--chat-template-kwargs",
                "x");
        assertEquals(2, both.status());
        assertTrue(both.err().contains("takes no PATH"), both.err());
        assertTrue(both.err().contains("KEY=VALUE"), both.err());
    }

    @Test
    void coloursEndWithEachLine() {
        var tokens = List.of(new Token(1, "q\n", false), new Token(2, "a", true), new Token(3, "b", true));
        var row = new RowInspection(
                1,
                0,
                List.of(new Example(tokens, "", null, "")),
                Collections.emptySortedSet(),
                new Truncations(1, 1, 5));
        assertEquals(
                "row 1: 5 tokens cut, the end of an answer among them\n3 tokens, loss on 2\n"
                        + "\u001b[90mq↵\u001b[0m\n\u001b[90m\u001b[0m\u001b[4;92ma\u001b[0m\u001b[4;32mb\u001b[0m\n",
                row.text(true));
        assertEquals(
                "row 1: 5 tokens cut, the end of an answer among them\n3 tokens, loss on 2\nq↵\n|[a][b]\n",
                row.text(false));
    }
}
