package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class PreferenceRowsTest {
    private static final Message ASKS = Message.of("user", "q");
    private static final Message GOOD = Message.of("assistant", "good");
    private static final Message BAD = Message.of("assistant", "bad");

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    /** One row, with single quotes for double ones. */
    private Preference row(String json) throws IOException {
        List<Row> rows = DataFiles.read(file("a.jsonl", json.replace('\'', '"')), Columns.auto());
        assertEquals(1, rows.size());
        return (Preference) rows.get(0);
    }

    private String fault(String json) throws IOException {
        Path file = file("a.jsonl", json.replace('\'', '"'));
        String message = String.valueOf(
                assertThrows(DataException.class, () -> DataFiles.read(file)).getMessage());
        String place = file + ", line 1: ";
        assertTrue(message.startsWith(place), message);
        return message.substring(place.length()).replace('"', '\'');
    }

    private static PromptCompletion text(String prompt, String answer, Origin origin) {
        return new PromptCompletion(prompt, answer, origin);
    }

    private static String message(String role, String content) {
        return "{'role': '" + role + "', 'content': '" + content + "'}";
    }

    private static void assertTurns(Preference row, Message... given) {
        for (Row answer : List.of(row.chosen(), row.rejected())) {
            Conversation turns = (Conversation) answer;
            assertEquals(given.length, turns.given());
            assertEquals(List.of(given), turns.messages().subList(0, turns.given()));
        }
        assertEquals(GOOD, last(row.chosen()));
        assertEquals(BAD, last(row.rejected()));
    }

    private static Message last(Row row) {
        List<Message> messages = ((Conversation) row).messages();
        return messages.get(messages.size() - 1);
    }

    @Test
    void textsAreReadFromEveryKindOfFile() throws Exception {
        Path lines = file("rows.jsonl", "{\"prompt\": \"q\", \"chosen\": \"good\", \"rejected\": \"bad\"}\n");
        Path array = file("rows.json", "[{\"prompt\": \"q\", \"chosen\": \"good\", \"rejected\": \"bad\"}]");
        Path csv = file("rows.csv", "rejected,prompt,id,chosen\nbad,q,7,good\n");
        Path tsv = file("rows.tsv", "prompt\tchosen\trejected\nq\tgood\tbad\n");
        Path parquet = folder.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (SELECT 'q' AS prompt, 'good' AS chosen, 'bad' AS rejected) TO '" + parquet + "'");
        }
        String query = "SELECT prompt, chosen, rejected FROM '" + parquet + "'";
        for (DataReference data : List.of(
                DataReference.of(lines),
                DataReference.of(array),
                DataReference.of(csv),
                DataReference.of(tsv),
                DataReference.of(parquet),
                new DataReference(query))) {
            DataRows read = DataFiles.readRows(data, Columns.auto());
            Origin origin = read.rows().get(0).origin();
            assertEquals(
                    List.of(new Preference(text("q", "good", origin), text("q", "bad", origin), origin)), read.rows());
            assertEquals(RowFormat.PREFERENCE, read.format());
            assertEquals("\"prompt\" and \"chosen\" and \"rejected\"", read.columns());
        }
    }

    @Test
    void conversationsAreReadFromTables() throws Exception {
        Path parquet = folder.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "COPY (SELECT 'q' AS prompt, [{'content': 'q', 'role': 'user'}, {'content': 'good', 'role':"
                            + " 'assistant'}] AS chosen, [{'content': 'q', 'role': 'user'}, {'content': 'bad', 'role': 'assistant'}]"
                            + " AS rejected, 0.5 AS score_chosen) TO '" + parquet + "'");
        }
        assertTurns((Preference) DataFiles.read(parquet).get(0), ASKS);
        DataRows read =
                DataFiles.readRows(new DataReference("SELECT chosen, rejected FROM '" + parquet + "'"), Columns.auto());
        assertTurns((Preference) read.rows().get(0), ASKS);
        assertEquals("\"chosen\" and \"rejected\"", read.columns());
    }

    @Test
    void aQuestionMayHaveWhatTheSystemSaysBesideIt() throws IOException {
        Preference row = row("{'system': 's', 'question': 'q', 'chosen': 'good', 'rejected': 'bad'}");
        List<Message> before = List.of(Message.of("system", "s"));
        assertEquals(new PromptCompletion(before, "q", "q", "good", row.origin()), row.chosen());
        assertEquals(new PromptCompletion(before, "q", "q", "bad", row.origin()), row.rejected());
        Preference untold = row("{'system': '', 'question': 'q', 'chosen': 'good', 'rejected': 'bad'}");
        assertEquals(text("q", "good", untold.origin()), untold.chosen());
    }

    @Test
    void aPromptOfMessagesHasAnswersOfMessages() throws IOException {
        String prompt = "{'prompt': [" + message("system", "s") + ", " + message("user", "q") + "], ";
        Message told = Message.of("system", "s");
        String good = message("assistant", "good");
        String bad = message("assistant", "bad");
        assertTurns(row(prompt + "'chosen': [" + good + "], 'rejected': [" + bad + "]}"), told, ASKS);
        assertTurns(row(prompt + "'chosen': " + good + ", 'rejected': " + bad + "}"), told, ASKS);
        assertTurns(row(prompt + "'chosen': 'good', 'rejected': [" + bad + "]}"), told, ASKS);
        Preference tools = row(prompt + "'chosen': " + good + ", 'rejected': " + bad
                + ", 'tools': [{'name': 'f'}], 'chat_template_kwargs': {'enable_thinking': false}}");
        Map<String, Object> variables = Map.of("tools", List.of(Map.of("name", "f")), "enable_thinking", false);
        assertEquals(variables, ((Conversation) tools.chosen()).variables());
        assertEquals(variables, ((Conversation) tools.rejected()).variables());
    }

    @Test
    void wholeConversationsHaveTheirPromptInCommon() throws IOException {
        String turns = "[" + message("user", "q") + ", ";
        String good = turns + message("assistant", "good") + "]";
        String bad = turns + message("assistant", "bad") + "]";
        assertTurns(row("{'chosen': " + good + ", 'rejected': " + bad + "}"), ASKS);
        assertTurns(row("{'prompt': ' q', 'chosen': " + good + ", 'rejected': " + bad + "}"), ASKS);
        assertTurns(
                row("{'prompt': 'q', 'chosen': " + good + ", 'rejected': " + bad + ", 'system': 's'}"),
                Message.of("system", "s"),
                ASKS);
        assertTurns(
                row("{'chosen': " + good + ", 'rejected': " + bad + ", 'system': 's'}"),
                Message.of("system", "s"),
                ASKS);
        assertTurns(
                row("{'prompt': 'q', 'chosen': " + message("assistant", "good") + ", 'rejected': ["
                        + message("assistant", "bad") + "]}"),
                ASKS);
        String told = "[" + message("system", "s") + ", " + message("user", "q") + ", ";
        assertTurns(
                row("{'prompt': 'q', 'chosen': " + told + message("assistant", "good") + "], 'rejected': " + told
                        + message("assistant", "bad") + "]}"),
                Message.of("system", "s"),
                ASKS);
        String long1 = turns + message("assistant", "first") + ", " + message("user", "more") + ", ";
        assertTurns(
                row("{'prompt': 'q', 'chosen': " + long1 + message("assistant", "good") + "], 'rejected': " + long1
                        + message("assistant", "bad") + "]}"),
                ASKS,
                Message.of("assistant", "first"),
                Message.of("user", "more"));
        String of = "[{'from': 'human', 'value': 'q'}, {'from': 'gpt', 'value': '";
        assertTurns(row("{'chosen': " + of + "good'}], 'rejected': " + of + "bad'}]}"), ASKS);
    }

    @Test
    void whatDiffersBeforeTheLastTurnIsRefused() throws IOException {
        String asks = message("user", "q");
        String good = message("assistant", "good");
        String bad = message("assistant", "bad");
        String differ =
                "'chosen' and 'rejected' differ before their last turn, in turn %d: two answers are compared only where"
                        + " all turns before them are the same";
        assertEquals(
                differ.formatted(1),
                fault("{'chosen': [" + asks + ", " + good + "], 'rejected': [" + message("user", "Q") + ", " + bad
                        + "]}"));
        assertEquals(
                differ.formatted(2),
                fault("{'chosen': [" + asks + ", " + good + ", " + asks + ", " + good + "], 'rejected': [" + asks + ", "
                        + bad + "]}"));
        assertEquals(
                "'rejected' must end with an answer of the assistant, and ends with a turn of the role 'user'",
                fault("{'chosen': [" + asks + ", " + good + "], 'rejected': [" + asks + "]}"));
        assertEquals(
                "'chosen' has nothing before its answer: the prompt must stand in 'prompt', or in the turns before the last",
                fault("{'chosen': [" + good + "], 'rejected': [" + bad + "]}"));
        assertEquals(
                "'chosen' has 2 turns, which do not begin with the prompt beside them: it must be the answer alone, or the whole"
                        + " conversation; a query that names the other columns leaves the prompt out",
                fault("{'prompt': 'p', 'chosen': [" + asks + ", " + good + "], 'rejected': [" + asks + ", " + bad
                        + "]}"));
        assertEquals(
                "'chosen' must be an answer, which is a text, a message or a list of messages, found 1",
                fault("{'prompt': 'p', 'chosen': 1, 'rejected': " + bad + "}"));
        assertEquals(
                "'rejected' must be an answer, which is a text, a message or a list of messages, found null",
                fault("{'prompt': 'q', 'chosen': 'good', 'rejected': null}"));
        assertEquals(
                "'rejected'[1] has no 'content'",
                fault("{'chosen': [" + asks + ", " + good + "], 'rejected': [" + asks + ", {'role': 'assistant'}]}"));
    }

    @Test
    void theFormsOfLlamaFactoryAreRead() throws IOException {
        String turns =
                "{'conversations': [{'from': 'human', 'value': 'q'}], 'system': 's', 'chosen': {'from': 'gpt', 'value':"
                        + " 'good'}, 'rejected': {'from': 'gpt', 'value': 'bad'}}";
        assertTurns(row(turns), Message.of("system", "s"), ASKS);
        Preference row = row(
                "{'instruction': 'Add.', 'input': '1 and 2', 'chosen': 'good', 'rejected': 'bad', 'history': [['a', 'b']]}");
        PromptCompletion chosen = (PromptCompletion) row.chosen();
        assertEquals(AlpacaPrompt.of("Add.", "1 and 2"), chosen.prompt());
        assertEquals("Add.\n\n1 and 2", chosen.turn());
        assertEquals("good", chosen.completion());
        assertEquals(List.of(Message.of("user", "a"), Message.of("assistant", "b")), chosen.before());
        Path csv = file("rows.csv", "instruction,chosen,rejected\nAdd.,good,bad\n");
        Preference ofTable = (Preference) DataFiles.read(csv).get(0);
        assertEquals(AlpacaPrompt.of("Add.", ""), ((PromptCompletion) ofTable.rejected()).prompt());
        Path lists = file("lists.csv", "conversations,chosen,rejected\na,b,c\n");
        assertTrue(String.valueOf(assertThrows(DataException.class, () -> DataFiles.read(lists))
                        .getMessage())
                .contains("but a table of text cannot hold lists"));
    }

    @Test
    void textsThatHoldTheirPromptAreParted() throws IOException {
        String before = "\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant:";
        String prompt = before.replace("\\n", "\n");
        Preference row = row("{'chosen': '" + before + " good', 'rejected': '" + before + " bad'}");
        assertEquals(text(prompt, " good", row.origin()), row.chosen());
        assertEquals(text(prompt, " bad", row.origin()), row.rejected());
        Path csv = file("rows.csv", "chosen,rejected\n\"" + prompt + " good\",\"" + prompt + " bad\"\n");
        assertEquals(
                text(prompt, " bad", new Origin(csv, 2)),
                ((Preference) DataFiles.read(csv).get(0)).rejected());
        String differ =
                "'chosen' and 'rejected' differ before the last '\\n\\nAssistant:': two answers are compared only where"
                        + " all before them is the same";
        assertEquals(
                differ,
                fault("{'chosen': '" + before + " good', 'rejected': '" + before.replace(" a", " x") + " bad'}"));
        assertEquals(
                differ,
                fault("{'chosen': '" + before + " good', 'rejected': '" + before
                        + " bad\\n\\nHuman: d\\n\\nAssistant: e'}"));
        assertEquals(
                "'rejected' must end with an answer, and ends with what stands behind '\\n\\nHuman:'",
                fault("{'chosen': '" + before + " good', 'rejected': '" + before + " bad\\n\\nHuman: d'}"));
        assertEquals(
                "'chosen' has no answer behind its last '\\n\\nAssistant:'",
                fault("{'chosen': '" + before + " ', 'rejected': '" + before + " bad'}"));
        assertEquals(
                "has no prompt: it must stand in 'prompt' (or 'question', 'instruction', 'conversations') beside 'chosen' and"
                        + " 'rejected'; without one these are lists of messages that begin with it, or texts in which"
                        + " '\\n\\nAssistant:' stands before the answer",
                fault("{'chosen': 'good', 'rejected': 'bad'}"));
    }

    @Test
    void twoAnswersThatAreOneAreRefused() throws IOException {
        String same = "the preferred answer and the other are the same: there is nothing to learn from them";
        assertEquals(same, fault("{'prompt': 'q', 'chosen': 'good', 'rejected': 'good'}"));
        String turns = "[" + message("user", "q") + ", " + message("assistant", "good") + "]";
        assertEquals(same, fault("{'chosen': " + turns + ", 'rejected': " + turns + "}"));
        assertEquals("'rejected' is empty", fault("{'prompt': 'q', 'chosen': 'good', 'rejected': ' '}"));
        assertEquals("'prompt' is empty", fault("{'prompt': '', 'chosen': 'good', 'rejected': 'bad'}"));
        assertEquals(
                "'chosen' holds a NUL character", fault("{'prompt': 'q', 'chosen': 'a\\u0000', 'rejected': 'bad'}"));
    }

    /** A template would write the answer as a second turn of the assistant. */
    @Test
    void aPromptThatEndsWithATurnOfTheAssistantIsRefused() throws IOException {
        String refused =
                "the prompt of a preference ends with a turn of the assistant, behind which the answers would be"
                        + " another: put what it says before both answers, or end the prompt with who is answered";
        String turns = "[" + message("user", "q") + ", " + message("assistant", "Well, ");
        assertEquals(refused, fault("{'prompt': " + turns + "], 'chosen': 'good', 'rejected': 'bad'}"));
        assertEquals(
                refused,
                fault("{'chosen': " + turns + ", " + message("assistant", "good") + "], 'rejected': " + turns + ", "
                        + message("assistant", "bad") + "]}"));
    }

    @Test
    void aProgramsRowsAreHeldToTheSame() {
        Conversation good = new Conversation(List.of(ASKS, GOOD), 1, Map.of(), Origin.MEMORY);
        Conversation bad = new Conversation(List.of(ASKS, BAD), 1, Map.of(), Origin.MEMORY);
        assertEquals(List.of(good, bad), new Preference(good, bad).conversations());
        PromptCompletion text = new PromptCompletion("q", "good");
        for (List<Row> unlike : List.of(
                List.<Row>of(good, text),
                List.<Row>of(text, new PromptCompletion("p", "bad")),
                List.<Row>of(good, new Conversation(List.of(ASKS, BAD))),
                List.<Row>of(good, new Conversation(List.of(ASKS, BAD, BAD), 1, Map.of(), Origin.MEMORY)),
                List.<Row>of(good, new Conversation(List.of(ASKS, BAD), 1, Map.of("a", 1L), Origin.MEMORY)),
                List.<Row>of(good, new Conversation(List.of(GOOD, BAD), 1, Map.of(), Origin.MEMORY)),
                List.<Row>of(new PlainText("a"), new PlainText("b")))) {
            String message = String.valueOf(
                    assertThrows(ConfigException.class, () -> new Preference(unlike.get(0), unlike.get(1)))
                            .getMessage());
            assertTrue(message.startsWith("the two answers of a preference must have one prompt"), message);
        }
        assertThrows(ConfigException.class, () -> new Preference(good, good));
    }

    @Test
    void aFormatMayBeStated() throws IOException {
        Path both = file("both.jsonl", "{\"prompt\": \"q\", \"chosen\": \"good\", \"rejected\": \"bad\"}\n");
        assertEquals(
                List.of(text("q", "good", new Origin(both, 1))),
                DataFiles.read(both, new Columns(null, null, "prompt", "chosen")));
        assertEquals(
                "1: has no \"rejected\"; it has \"prompt\", \"chosen\"",
                lineFault("{\"prompt\": \"q\", \"chosen\": \"good\"}", Columns.of(RowFormat.PREFERENCE)));
        assertEquals(
                "format preference has no column of that name: leave out prompt_column and completion_column, or the format",
                assertThrows(
                                ConfigException.class,
                                () -> new Columns(null, null, "prompt", "chosen", RowFormat.PREFERENCE))
                        .getMessage());
        assertEquals(
                "2: has no \"rejected\"; it has \"prompt\", \"chosen\", but line 1 has \"prompt\" and \"chosen\" and \"rejected\":"
                        + " all rows must be of one kind",
                lineFault(
                        "{\"prompt\": \"q\", \"chosen\": \"good\", \"rejected\": \"bad\"}\n{\"prompt\": \"q\", \"chosen\":"
                                + " \"good\"}",
                        Columns.auto()));
    }

    private String lineFault(String text, Columns columns) throws IOException {
        Path file = file("b.jsonl", text);
        return String.valueOf(assertThrows(DataException.class, () -> DataFiles.read(file, columns))
                        .getMessage())
                .replace(file + ", line ", "");
    }

    @Test
    void whatIsAskedIsThePromptAlone() throws IOException {
        for (Columns columns : List.of(
                Columns.auto().questions(), Columns.of(RowFormat.PREFERENCE).questions())) {
            assertEquals(
                    List.of("q", "q", "q"),
                    List.of(
                            asked("{'prompt': 'q', 'chosen': 1, 'rejected': 2}", columns),
                            asked("{'question': 'q', 'chosen': 1, 'rejected': 2}", columns),
                            asked("{'instruction': 'q', 'chosen': 1, 'rejected': 2}", columns)));
            String turns = "[" + message("user", "q") + ", " + message("assistant", "good") + "]";
            Path whole = file("c.jsonl", ("{'chosen': " + turns + ", 'rejected': 1}").replace('\'', '"'));
            assertEquals(
                    List.of(ASKS, GOOD),
                    ((Conversation) DataFiles.read(whole, columns).get(0)).messages());
        }
    }

    private String asked(String json, Columns columns) throws IOException {
        Path file = file("d.jsonl", json.replace('\'', '"'));
        return ((PromptCompletion) DataFiles.read(file, columns).get(0)).turn();
    }

    @Test
    void rowsAreToldApartByPromptAndAnswers() {
        Preference row = new Preference(new PromptCompletion("q", "good"), new PromptCompletion("q", "bad"));
        Preference other = new Preference(new PromptCompletion("q", "better"), new PromptCompletion("q", "bad"));
        PromptCompletion alone = new PromptCompletion("q", "good");
        for (double share : new double[] {0.1, 0.5, 0.9}) {
            for (long seed = 0; seed < 20; seed++) {
                boolean held = TrainTestSplit.isHeldOut(alone, share, seed);
                assertEquals(held, TrainTestSplit.isHeldOut(row, share, seed));
                assertEquals(held, TrainTestSplit.isHeldOut(other, share, seed));
            }
        }
        Repetitions found = RepetitionsTest.within(List.of(row, other, row));
        assertEquals(List.of(1, 1), List.of(found.same().size(), found.other().size()));
    }

    @Test
    void noOtherModelLearnsThem() {
        List<Row> rows = List.of(new Preference(new PromptCompletion("q", "good"), new PromptCompletion("q", "bad")));
        String wanted =
                "holds two answers of which one is preferred, which a language model learns (--task causal-lm) and no"
                        + " classifier or regression does";
        String labels = String.valueOf(
                assertThrows(DataException.class, () -> Labels.of(rows)).getMessage());
        assertTrue(labels.contains(wanted), labels);
    }
}
