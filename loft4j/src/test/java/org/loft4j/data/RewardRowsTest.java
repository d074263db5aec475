package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Prompts whose answers a reward judges, from files to what a model reads. */
class RewardRowsTest {
    private static final String STORIES = "stories260K";
    private static final Columns REWARD = Columns.of(RowFormat.REWARD);

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text.replace('\'', '"'));
    }

    private static RewardedPrompt only(Path file, Columns columns) throws IOException {
        List<Row> rows = DataFiles.read(file, columns);
        assertEquals(1, rows.size());
        return (RewardedPrompt) rows.get(0);
    }

    private String fault(String json) throws IOException {
        Path file = file("a.jsonl", json);
        return String.valueOf(assertThrows(DataException.class, () -> DataFiles.read(file, REWARD))
                        .getMessage())
                .replace('"', '\'');
    }

    @Test
    void allColumnsComeWithThePromptFromEveryKindOfFile() throws Exception {
        Path parquet = folder.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (SELECT 'q' AS prompt, 42 AS answer, ['x', 'y'] AS others) TO '" + parquet + "'");
        }
        String row = "{'prompt': 'q', 'answer': 42, 'others': ['x', 'y']}";
        for (Path path : List.of(file("a.jsonl", row), file("a.json", "[" + row + "]"), parquet)) {
            RewardedPrompt prompt = only(path, REWARD);
            assertEquals("q", prompt.text());
            assertEquals(Map.of("prompt", "q", "answer", 42L, "others", List.of("x", "y")), prompt.columns());
        }
        Columns named = new Columns(null, null, "question", null, RowFormat.REWARD);
        RewardedPrompt ofTable = only(file("a.csv", "question,answer\nq,42\n"), named);
        assertEquals("q", ofTable.text());
        assertEquals(Map.of("question", "q", "answer", "42"), ofTable.columns());
    }

    @Test
    void messagesEndWithWhoAsks() throws IOException {
        String asks = "{'role': 'user', 'content': 'q'}";
        for (String column : List.of("prompt", "messages")) {
            RewardedPrompt prompt =
                    only(file(column + ".jsonl", "{'" + column + "': [" + asks + "], 'answer': 'a'}"), REWARD);
            assertEquals("q", prompt.text());
            assertEquals("a", prompt.columns().get("answer"));
            assertEquals(1, prompt.conversations().size());
        }
        assertTrue(fault("{'messages': [" + asks + ", {'role': 'assistant', 'content': 'a'}]}")
                .endsWith("messages that do not end with a turn of the assistant"));
        assertTrue(fault("{'text': 'q'}").contains("has no 'prompt'; it has 'text'"));
        assertTrue(assertThrows(ConfigException.class, () -> new Columns(null, null, "q", "a", RowFormat.REWARD))
                .getMessage()
                .contains("the model makes the completions"));
    }

    @Test
    void aPromptIsReadAsItIsWhereATrainedModelIsAsked() throws IOException {
        Path model = Fixtures.directory(STORIES);
        Path template = Files.writeString(
                folder.resolve("chat.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}");
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            List<RewardedPrompt> rows = List.of(new RewardedPrompt("Lily had a", "ball"));
            PromptDataset plain = PromptDataset.of(rows, tokenizer, 16, null);
            assertArrayEquals(
                    tokenizer.encodePrompt("Lily had a"),
                    plain.batch(new int[] {0}, 0).prompts().get(0).ids());
            assertNull(plain.chatFormat());

            ChatTemplate chat = ChatTemplate.read(template, model);
            ChatFormat turns = new ChatFormat(chat, LossOn.ASSISTANT, true, Map.of());
            PromptDataset written = PromptDataset.of(rows, tokenizer, 16, turns);
            assertArrayEquals(
                    tokenizer.encode(chat.prompt(List.of(Message.of("user", "Lily had a"))), false),
                    written.batch(new int[] {0}, 0).prompts().get(0).ids());
            assertEquals(chat.stopIds(tokenizer), written.stopIds());
            assertEquals(turns, written.chatFormat());
            ChatFormat all = new ChatFormat(chat, LossOn.ALL, true, Map.of());
            assertThrows(ConfigException.class, () -> PromptDataset.of(rows, tokenizer, 16, all));

            PromptDataset other =
                    PromptDataset.of(List.of(new RewardedPrompt("Lily had a", "dog")), tokenizer, 16, null);
            assertNotEquals(plain.fingerprint(), other.fingerprint());
        }
    }

    /** Maps of a Java program have another order in each process. */
    @Test
    void theOrderOfColumnsIsNoPartOfTheFingerprint() throws IOException {
        Map<String, Object> some = new LinkedHashMap<>();
        some.put("a", 1L);
        some.put("b", List.of(some("x", "y")));
        Map<String, Object> turned = new LinkedHashMap<>();
        turned.put("b", List.of(some("y", "x")));
        turned.put("a", 1L);
        assertNotEquals(some.toString(), turned.toString());
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory(STORIES))) {
            List<String> fingerprints = new ArrayList<>();
            for (Map<String, Object> columns : List.of(some, turned)) {
                Row row = new RewardedPrompt(new PromptCompletion("Lily", "", Origin.MEMORY), columns, Origin.MEMORY);
                fingerprints.add(
                        PromptDataset.of(List.of(row), tokenizer, 16, null).fingerprint());
            }
            assertEquals(fingerprints.get(0), fingerprints.get(1));
        }
    }

    private static Map<String, Object> some(String first, String second) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put(first, first);
        map.put(second, second);
        return map;
    }

    /** The end is no part of what is judged, be it a token or a text. */
    @Test
    void theTextOfAnAnswerIsWithoutItsEnd() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory(STORIES))) {
            long[] ids = tokenizer.encode(" ball. END more", false);
            AnswerText cut = text(tokenizer, ids, List.of());
            assertEquals("ball. END more", cut.finish().strip());
            assertFalse(cut.hasEnded());

            AnswerText stopped = text(tokenizer, ids, List.of("END"));
            assertEquals("ball.", stopped.finish().strip());
            assertTrue(stopped.hasEnded());

            AnswerText ended = new AnswerText(
                    new StreamingDecoder(tokenizer, new long[0]), new StopStrings(List.of()), Set.of(2L));
            assertTrue(ended.add(ids[0]));
            // the first of three bytes
            long[] bytes = tokenizer.encode("中", false);
            assertTrue(ended.add(bytes[bytes.length - 3]));
            assertFalse(ended.add(2));
            assertTrue(ended.hasEnded());
            assertTrue(ended.finish().endsWith("\uFFFD"));
        }
    }

    private static AnswerText text(Tokenizer tokenizer, long[] ids, List<String> stops) {
        AnswerText text =
                new AnswerText(new StreamingDecoder(tokenizer, new long[0]), new StopStrings(stops), Set.of(2L));
        for (long id : ids) {
            if (!text.add(id)) {
                break;
            }
        }
        return text;
    }
}
