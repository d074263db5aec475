package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code loft data check}: what it tells of rows, and what stops a training. */
class DataCheckTest {
    @TempDir
    Path directory;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    /** The tokenizer of stories260K, and a template. */
    private String language() throws IOException {
        Path model = Files.createDirectories(directory.resolve("language"));
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")) {
            Files.copy(Fixtures.of("stories260K").resolve(name), model.resolve(name));
        }
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}"
                        + "{% endif %}{% endfor %}");
        return model.toString();
    }

    private static JsonNode json(Captured call) throws IOException {
        return new ObjectMapper().readTree(call.out());
    }

    @Test
    void everyLineThatCannotBeUsedIsTold() throws IOException {
        Path rows = file(
                "rows.jsonl",
                "{\"prompt\": \"Once\", \"completion\": \" upon\"}\n{\"prompt\": \"Once\"\n"
                        + "{\"prompt\": \"Once\", \"completion\": \"\"}\n{\"prompt\": \"One\", \"completion\": \" day\"}\n"
                        + "[]\n");
        Captured call = Captured.loft("data", "check", rows.toString(), "--model", language());
        assertEquals(1, call.status(), call.err());
        assertTrue(
                call.out().startsWith("training rows: 2 rows of \"prompt\" and \"completion\" (--format prompt)\n"),
                call.out());
        for (String fault : List.of(
                ", line 2: is not valid JSON",
                ", line 3: \"completion\" is empty",
                ", line 5: must be a JSON object")) {
            assertTrue(call.out().contains(rows + fault), call.out());
        }
        assertTrue(call.out().endsWith("3 faults stop a training on this data\n"), call.out());
    }

    @Test
    void lengthsCutsAndDuplicatesAreCounted() throws IOException {
        String once = "{\"prompt\": \"Once\", \"completion\": \" upon a time\"}\n";
        Path rows =
                file("rows.jsonl", once + once + once.replace("time", "day") + once.replace("Once", "One ".repeat(40)));
        Path held = file("held.jsonl", once + once.replace("Once", "There was"));
        String model = language();
        Captured call = Captured.loft(
                "data",
                "check",
                "--json",
                rows.toString(),
                "--model",
                model,
                "--max-length",
                "16",
                "--eval-data",
                held.toString());
        assertEquals(0, call.status(), call.err());
        JsonNode tree = json(call);
        JsonNode training = tree.get("training_rows");
        assertEquals(4, training.get("rows").asInt());
        assertEquals("prompt", training.get("format").asText());
        assertEquals(1, training.get("rows_cut").asInt());
        assertEquals(0, training.get("answers_cut").asInt());
        JsonNode tokens = training.get("tokens");
        assertEquals(
                tokens.get("max").asInt() - 16, training.get("tokens_cut").asInt(), "all of one row's that exceed 16");
        assertTrue(tokens.get("min").asInt() <= tokens.get("median").asInt(), tokens.toString());
        assertEquals(
                4,
                IntStream.range(0, tokens.get("histogram").size())
                        .map(i -> tokens.get("histogram").get(i).asInt())
                        .sum());
        assertEquals(
                "[{\"row\":\"" + rows + ", line 2\",\"first\":\"" + rows + ", line 1\"}]",
                tree.get("duplicates").toString());
        assertEquals(
                rows + ", line 3", tree.get("other_answers").get(0).get("row").asText());
        assertEquals(1, tree.get("in_both").size());
        assertEquals(held + ", line 1", tree.get("in_both").get(0).get("row").asText());
        assertFalse(tree.get("stops_training").asBoolean());
        Captured text = Captured.loft(
                "data", "check", "--data", rows.toString(), "--model", model, "--eval-data", held.toString());
        assertEquals(0, text.status(), text.err());
        assertTrue(text.out().contains("held-out rows that are training rows too: 1 (" + held), text.out());
        assertTrue(text.out().endsWith("nothing here stops a training\n"), text.out());
    }

    @Test
    void rowsWithLabelsAreSpokenOfAsSuch() throws IOException {
        String model = TinyModels.encoder(directory.resolve("model")).toString();
        String row = "red ball red ball red ball,";
        Path rows = file("rows.csv", "text,label\n" + row + "a\n" + row + "b\n");
        String[] check = {"data", "check", rows.toString(), "--model", model, "--max-length", "4"};
        Captured call = Captured.loft(check);
        assertEquals(0, call.status(), call.err() + call.out());
        assertTrue(call.out().contains("\n  the same text with another label: 1 ("), call.out());
        assertTrue(call.out().contains("\n  cut to 4 tokens: 2 rows; "), call.out());
        assertEquals("", call.err());
        check[check.length - 1] = "65";
        assertEquals(
                "loft: --max-length 65 is lowered to 64, the longest that the model was made for\n",
                Captured.loft(check).err());
        String language = language();
        Path one = file("one.csv", "text\n" + row.replace(",", "\n"));
        Captured single = Captured.loft("data", "check", one.toString(), "--model", language, "--max-length", "4");
        assertTrue(single.out().startsWith("training rows: 1 row of "), single.out());
        assertTrue(single.out().contains("\n  cut to 4 tokens: 1 row; "), single.out());
        assertTrue(single.out().contains("\nduplicates: 0\nnothing here"), single.out());
        assertEquals("", single.err());
    }

    @Test
    void labelsThatALanguageModelDoesNotLearnAreTold() throws IOException {
        Path rows = file("rows.csv", "text,label\na,red\nb,blue\n");
        String model = language();
        String told = Captured.loft("data", "check", rows.toString(), "--model", model)
                .err();
        assertTrue(told.contains("the labels are not learnt"), told);
        assertTrue(told.contains("--task sequence-classification learns them"), told);
        assertEquals(
                "",
                Captured.loft("data", "check", rows.toString(), "--model", model, "--task", "causal-lm")
                        .err());
    }

    @Test
    void labelsAreCounted() throws IOException {
        String model = TinyModels.encoder(directory.resolve("model")).toString();
        Path rows = TinyModels.colours(directory.resolve("rows.csv"), 9);
        Path held = file("held.csv", "text,label\na ball,green\nb ball,red\n");
        Captured call =
                Captured.loft("data", "check", rows.toString(), "--model", model, "--task", "sequence-classification");
        assertEquals(0, call.status(), call.err() + call.out());
        assertTrue(call.out().contains("red        5  55.6 %"), call.out());
        assertTrue(call.out().contains("blue       4  44.4 %"), call.out());
        Captured unknown =
                Captured.loft("data", "check", rows.toString(), "--model", model, "--eval-data", held.toString());
        assertEquals(1, unknown.status(), unknown.err());
        assertTrue(unknown.out().contains(held + ", line 2: label \"green\" is unknown"), unknown.out());
        String doubt = "2 labels in so few rows teach little: is it the right --label-column?";
        assertFalse(unknown.out().contains(doubt), unknown.out());
        Captured few = Captured.loft("data", "check", held.toString(), "--model", model);
        assertTrue(few.out().contains("\n  " + doubt + "\n"), few.out());
        Path one = file("one.csv", "text,label\na,red\nb,red\n");
        Captured single = Captured.loft("data", "check", one.toString(), "--model", model);
        assertEquals(1, single.status(), single.err());
        assertTrue(single.out().contains("has only one label"), single.out());
    }

    @Test
    void heldOutRowsThatAreNoPairsWhereTheOthersAreStopATraining() throws IOException {
        String model = TinyModels.encoder(directory.resolve("model")).toString();
        Path pairs = file("pairs.csv", "text,text_pair,label\na red,a ball,yes\nb red,a ball,no\n");
        Path single = file("single.csv", "text,label\na red,yes\nb red,no\n");
        Captured call =
                Captured.loft("data", "check", pairs.toString(), "--model", model, "--eval-data", single.toString());
        assertEquals(1, call.status(), call.err() + call.out());
        assertTrue(
                call.out()
                        .contains(single + ", line 2: holds one text, and the rows to learn from hold pairs of texts"),
                call.out());
        Captured alike =
                Captured.loft("data", "check", pairs.toString(), "--model", model, "--eval-data", pairs.toString());
        assertEquals(0, alike.status(), alike.err() + alike.out());
    }

    @Test
    void aModelWithNumbersForClassesKeepsThemWhereTheDataNamesThese() throws Exception {
        Path model = TinyModels.encoder(directory.resolve("model"));
        String config = Files.readString(model.resolve("config.json"));
        Files.writeString(
                model.resolve("config.json"),
                config.replaceFirst("\\{", "{\"id2label\": {\"0\": \"0\", \"1\": \"1\"}, "));
        Path rows = directory.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (SELECT * FROM (VALUES ('a', 0), ('b', 1)) AS t(text, label)) TO '" + rows
                    + "' (FORMAT parquet, KV_METADATA {huggingface: '{\"info\": {\"features\": {\"label\":"
                    + " {\"names\": [\"neg\", \"pos\"], \"_type\": \"ClassLabel\"}}}}'})");
        }
        Captured call = Captured.loft(
                "data", "check", rows.toString(), "--model", model.toString(), "--task", "sequence-classification");
        assertEquals(0, call.status(), call.err() + call.out());
        assertEquals("", call.err());
    }

    @Test
    void conversationsAndFilesOfTwoKinds() throws IOException {
        Path chats = file(
                "chats.jsonl",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \" \"},"
                        + " {\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n"
                        + "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n");
        Path texts = file("texts.txt", "Once upon a time\n");
        Captured call = Captured.loft("data", "check", chats.toString(), texts.toString(), "--model", language());
        assertEquals(1, call.status(), call.err());
        assertTrue(call.out().contains("empty answers: 1\n"), call.out());
        assertTrue(call.out().contains(chats + ", line 2: has no answer to learn"), call.out());
        assertTrue(call.out().contains(texts + ": holds \"line\" without a label, but " + chats), call.out());
    }

    @Test
    void turnsInAnotherFormThanTheTemplatesAreTold() throws IOException {
        String user =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": ";
        String text = "{\"type\": \"text\", \"text\": \"a\"}";
        Path chats = file(
                "chats.jsonl",
                user + "[" + text + "]}]}\n" + user + "[" + text.replace("a", " ") + "]}]}\n" + user + "\"b\"}]}\n"
                        + user + "null}]}\n" + user + "[" + text + ", {\"type\": \"image\"}]}]}\n");
        Captured call = Captured.loft("data", "check", chats.toString(), "--model", language());
        assertEquals(1, call.status(), call.err());
        assertTrue(call.out().contains("\n  turns put into the form of the chat template: 2\n"), call.out());
        assertTrue(call.out().contains("\n  empty answers: 2\n"), call.out());
        assertTrue(
                call.out().contains(chats + ", line 4: message 2 (assistant) has neither content nor tool_calls"),
                call.out());
        assertTrue(
                call.out().contains(chats + ", line 5: message 2 (assistant) has a part of type \"image\""),
                call.out());
        assertTrue(call.out().endsWith("\n2 faults stop a training on this data\n"), call.out());
    }

    @Test
    void aModelWithoutATemplateIsOneFaultHoweverManyRowsNeedIt() throws IOException {
        String model = language();
        Files.delete(Path.of(model, "chat_template.jinja"));
        Path chats = file(
                "chats.jsonl",
                ("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                                + " {\"role\": \"assistant\", \"content\": \"a\"}]}\n")
                        .repeat(60));
        Captured call = Captured.loft("data", "check", chats.toString(), "--model", model);
        assertEquals(1, call.status(), call.err());
        assertTrue(
                call.out().contains("\nthe rows hold messages, but " + model + " has no chat template: name"),
                call.out());
        assertTrue(call.out().endsWith("\n1 fault stops a training on this data\n"), call.out());
    }

    /** As a training finds it. */
    @Test
    void theOnlyConversationMayBeHeldOut() throws IOException {
        String text = "{\"prompt\": \"Once\", \"completion\": \" there was\"}\n";
        String turns = "{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}],"
                + " \"completion\": [{\"role\": \"assistant\", \"content\": \"a\"}]}\n";
        Path learnt = file("learnt.jsonl", text.replace("Once", "Twice"));
        Path held = file("held.jsonl", text + turns);
        Captured call = Captured.loft(
                "data", "check", learnt.toString(), "--model", language(), "--eval-data", held.toString());
        assertEquals(0, call.status(), call.out() + call.err());
    }

    @Test
    void aRunOnAQueryKeepsItInItsSettings() throws IOException {
        String model = TinyModels.encoder(directory.resolve("model")).toString();
        Path rows = TinyModels.colours(directory.resolve("rows.csv"), 12);
        String query = "SELECT text, label AS label -- a: b # c\nFROM '" + rows + "' WHERE text <> '' ORDER BY text";
        Path run = directory.resolve("run");
        Captured train = Captured.loft(
                "train",
                "--model",
                model,
                "--data",
                query,
                "--output",
                run.toString(),
                "--max-steps",
                "1",
                "--rank",
                "2");
        assertEquals(0, train.status(), train.err());
        assertTrue(
                train.err().contains("loft: 12 rows of \"text\" and \"label\" (--format label) in query \"SELECT text"),
                train.err());
        Captured again = Captured.loft(
                "data", "check", "--config", run.resolve("config.yaml").toString(), "--json");
        assertEquals(0, again.status(), again.err() + again.out());
        assertEquals(12, json(again).get("training_rows").get("rows").asInt());
    }

    @Test
    void whatCannotBeReadAtAllIsOneFault() throws IOException {
        Captured call = Captured.loft("data", "check", "SELECT nothing", "--model", language());
        assertEquals(1, call.status(), call.err());
        // nothing of repetitions, which no row can be
        assertTrue(call.out().startsWith("training rows: 0 rows\nquery \"SELECT nothing\": Binder Error"), call.out());
        assertTrue(call.out().endsWith("1 fault stops a training on this data\n"), call.out());
    }

    @Test
    void wrongCallsAreRefused() throws IOException {
        Captured nothing = Captured.loft("data", "check", "--model", language());
        assertEquals(2, nothing.status());
        assertTrue(nothing.err().contains("'--data=FILE'"), nothing.err());
        Path rows = file("rows.txt", "a\n");
        Captured twice = Captured.loft(
                "data", "check", rows.toString(), "--data", rows.toString(), "--model", directory + "/language");
        assertEquals(2, twice.status());
        assertTrue(twice.err().contains("not both"), twice.err());
        Captured missing = Captured.loft("data", "check", directory + "/no.csv", "--model", directory + "/language");
        assertEquals(2, missing.status());
        assertTrue(missing.err().contains("no.csv: there is no such file"), missing.err());
    }

    @Test
    void answersOfWhichTheTemplateLeavesOutAPartAreTold() throws IOException {
        String model = language();
        Path template = file(
                "strips.jinja",
                "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% if m.role == 'assistant' %}{{ eos_token }}"
                        + "{% endif %}{% endfor %}");
        Path rows = file(
                "thoughts.jsonl",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"},"
                        + " {\"role\": \"assistant\", \"content\": \"<think>why</think>upon\"}]}\n");
        Captured kept = Captured.loft("data", "check", rows.toString(), "--model", model);
        assertFalse(kept.out().contains("leaves out a part"), kept.out());
        Captured call = Captured.loft(
                "data", "check", rows.toString(), "--model", model, "--chat-template", template.toString());
        assertTrue(
                call.out()
                        .contains(
                                "  answers of which the chat template leaves out a part, or of the prompt before, such as"
                                        + " <think> or a tool's call: 1; --chat-template takes another template\n"),
                call.out());
        assertEquals(0, call.status(), call.out());
        Captured json = Captured.loft(
                "data", "check", rows.toString(), "--model", model, "--chat-template", template.toString(), "--json");
        assertEquals(1, json(json).at("/training_rows/answers_altered").intValue());
    }

    @Test
    void aBlockWithFaultsIsReadToItsEnd() throws IOException {
        String fine =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"}, {\"role\": \"assistant\", \"content\": \"upon\"}]}\n";
        String unanswered = "{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"}]}\n";
        Path rows = file("rows.jsonl", (fine.repeat(3) + unanswered).repeat(50));
        String model = language();
        Captured call = Captured.loft("data", "check", rows.toString(), "--model", model, "--json");
        JsonNode part = json(call).path("training_rows");
        assertEquals(50, part.path("faults").size());
        Path more = file("more.jsonl", fine + unanswered.repeat(53));
        String told = Captured.loft("data", "check", more.toString(), "--model", model)
                .out();
        assertTrue(told.contains(", line 51: ") && !told.contains(", line 52: "), told);
        assertTrue(told.contains("\n… and 3 faults more, which --json tells\n53 faults stop"), told);
        for (int i = 0; i < 50; i++) {
            assertTrue(part.path("faults").get(i).textValue().contains("line " + (4 * i + 4) + ": "), part.toString());
        }
        assertEquals(
                150,
                IntStream.range(0, part.at("/tokens/histogram").size())
                        .map(bin -> part.at("/tokens/histogram").get(bin).intValue())
                        .sum());
    }
}
