package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class ChatRowsTest {
    @TempDir
    Path directory;

    @Test
    void rowsAreReadFromJson() throws IOException {
        Path file = directory.resolve("rows.jsonl");
        Files.writeString(
                file,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": null,"
                        + " \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": 2.5}}}]}],"
                        + " \"tools\": [{\"type\": \"function\"}], \"chat_template_kwargs\": {\"enable_thinking\": false}}\n");
        Conversation row = (Conversation) DataFiles.read(file).get(0);
        assertEquals(2, row.messages().size());
        assertEquals(
                "[{function={name=f, arguments={b=1, a=2.5}}}]",
                String.valueOf(row.messages().get(1).fields().get("tool_calls")));
        assertEquals(false, row.variables().get("enable_thinking"));
        assertEquals("[{type=function}]", String.valueOf(row.variables().get("tools")));

        Files.writeString(
                file,
                "{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}],"
                        + " \"completion\": [{\"role\": \"assistant\", \"content\": \"a\"}]}\n");
        assertEquals(1, ((Conversation) DataFiles.read(file).get(0)).given());
    }

    @Test
    void aColumnMaySayWhatTheSystemSays() throws IOException {
        String told = "[{\"role\": \"system\", \"content\": \"s\"}, ";
        String asked = "{\"role\": \"user\", \"content\": \"q\"}]";
        for (String key : List.of("messages", "conversations")) {
            assertEquals(turns(key, told + asked, ""), turns(key, "[" + asked, ", \"system\": \"s\""), key);
            assertEquals(turns(key, told + asked, ""), turns(key, told + asked, ", \"system\": \"other\""), key);
            String developer = told.replace("system", "developer") + asked;
            assertEquals(turns(key, developer, ""), turns(key, developer, ", \"system\": \"other\""), key);
            for (String nothing : List.of("null", "\"\"", "\" \"")) {
                assertEquals(turns(key, "[" + asked, ""), turns(key, "[" + asked, ", \"system\": " + nothing), key);
            }
        }
    }

    private List<Message> turns(String key, String messages, String more) throws IOException {
        Path file = directory.resolve("rows.jsonl");
        Files.writeString(file, "{\"" + key + "\": " + messages + more + "}\n");
        return ((Conversation) DataFiles.read(file).get(0)).messages();
    }

    @Test
    void toolsMayBeTheTextOfTheirJson() throws IOException {
        for (String none : List.of("\"\"", "\" \"", "\"null\"", "\"[]\"", "null", "[]")) {
            assertEquals(Map.of(), withTools(directory, none).variables(), none);
        }
        assertEquals(
                withTools(directory, "[{\"name\": \"f\", \"most\": 2.5}]").variables(),
                withTools(directory, ByteModel.json("[{\"name\": \"f\", \"most\": 2.5}]"))
                        .variables());
        for (String wrong : List.of("[{", "{}", "f", "3", "\"[]\"", "[] []")) {
            var fault = assertThrows(DataException.class, () -> withTools(directory, ByteModel.json(wrong)), wrong);
            assertTrue(fault.getMessage().contains("rows.jsonl, line 1: \"tools\" "), fault.getMessage());
        }
    }

    static Conversation withTools(Path directory, String tools) throws IOException {
        Path file = directory.resolve("rows.jsonl");
        Files.writeString(
                file, "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"tools\": " + tools + "}\n");
        return (Conversation) DataFiles.read(file).get(0);
    }

    @Test
    void wrongMessagesAreFaults() throws IOException {
        Path file = directory.resolve("rows.jsonl");
        for (String wrong : List.of(
                "\"text\"",
                "[]",
                "[3]",
                "[{\"content\": \"a\"}]",
                "[{\"role\": \"user\"}]",
                "[{\"role\": \"user\", \"content\": \"\\u0000\"}]")) {
            Files.writeString(file, "{\"messages\": " + wrong + "}");
            var fault = assertThrows(DataException.class, () -> DataFiles.read(file), wrong);
            assertTrue(fault.getMessage().contains("rows.jsonl, line 1: \"messages\""), fault.getMessage());
        }
        Path table = Files.writeString(directory.resolve("rows.csv"), "messages\na\n");
        assertThrows(DataException.class, () -> DataFiles.read(table));
    }

    @Test
    void theWeightOfAnAnswerIsOneOrNothing() throws IOException {
        Path file = directory.resolve("weights.jsonl");
        Files.writeString(
                file,
                "{\"conversations\": [{\"from\": \"human\", \"value\": \"q\", \"weight\": null},"
                        + " {\"from\": \"gpt\", \"value\": \"a\", \"weight\": 0.0},"
                        + " {\"from\": \"gpt\", \"value\": \"b\", \"train\": false},"
                        + " {\"from\": \"gpt\", \"value\": \"c\", \"weight\": 1}]}\n");
        List<Message> turns = ((Conversation) DataFiles.read(file).get(0)).messages();
        assertEquals(
                List.of(false, false, false, true),
                turns.stream().map(Message::isLearnt).toList());
        for (String rows : List.of(
                "{\"conversations\": [{\"from\": \"gpt\", \"value\": \"a\", \"weight\": 0.5}]}",
                "{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\", \"weight\": \"no\"}]}")) {
            Files.writeString(file, rows);
            var fault = assertThrows(DataException.class, () -> DataFiles.read(file), rows);
            assertTrue(fault.getMessage().contains("[0] has the \"weight\" "), fault.getMessage());
        }
    }
}
