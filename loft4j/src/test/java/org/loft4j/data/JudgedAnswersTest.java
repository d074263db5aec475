package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Answers that are judged one by one, from files to batches. */
class JudgedAnswersTest {
    private static final String CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
            + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text.replace('\'', '"'));
    }

    private String fault(String json) throws IOException {
        Path file = file("a.jsonl", json);
        String message = String.valueOf(
                assertThrows(DataException.class, () -> DataFiles.read(file)).getMessage());
        String place = file + ", line 1: ";
        assertTrue(message.startsWith(place), message);
        return message.substring(place.length()).replace('"', '\'');
    }

    private static List<Boolean> judgements(List<Row> rows) {
        return rows.stream().map(row -> ((JudgedAnswer) row).good()).toList();
    }

    @Test
    void textsAreReadFromEveryKindOfFile() throws Exception {
        String row = "{'prompt': 'q', 'completion': 'a', 'label': true}";
        Path parquet = folder.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (SELECT 'q' AS prompt, 'a' AS completion, true AS label) TO '" + parquet + "'");
        }
        for (Path path : List.of(
                file("rows.jsonl", row + "\n"),
                file("rows.json", "[" + row + "]"),
                file("rows.csv", "label,prompt,id,completion\ntrue,q,7,a\n"),
                file("rows.tsv", "prompt\tcompletion\tlabel\nq\ta\t1\n"),
                parquet)) {
            DataRows read = DataFiles.readRows(new DataReference(path.toString()), Columns.auto());
            assertEquals(RowFormat.JUDGED, read.format());
            JudgedAnswer judged = (JudgedAnswer) read.rows().get(0);
            assertTrue(judged.good());
            PromptCompletion answer = (PromptCompletion) judged.answer();
            assertEquals("q", answer.prompt());
            assertEquals("a", answer.completion());
        }
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "true, true",
                "false, false",
                "1, true",
                "0, false",
                "'true', true",
                "' False ', false",
                "'1', true"
            })
    void aLabelIsTrueOrFalse(String label, boolean good) throws IOException {
        Path rows = file("rows.jsonl", "{'prompt': 'q', 'completion': 'a', 'label': " + label + "}\n");
        assertEquals(List.of(good), judgements(DataFiles.read(rows)));
    }

    @Test
    void otherLabelsAreRefusedWithAWayOut() throws IOException {
        String rest = ": --format prompt learns all completions, and reads no label";
        String must = "'label' must be true where the completion is good and false where it is bad, or 1 and 0, found ";
        String begin = "{'prompt': 'q', 'completion': 'a', 'label': ";
        assertEquals(must + "the string 'spam'" + rest, fault(begin + "'spam'}"));
        assertEquals(must + "2" + rest, fault(begin + "2}"));
        assertEquals(must + "0.5" + rest, fault(begin + "0.5}"));
        assertEquals(must + "null" + rest, fault(begin + "null}"));
        Path rows = file("b.jsonl", begin + "'spam'}\n");
        Row row = DataFiles.read(rows, Columns.of(RowFormat.PROMPT)).get(0);
        assertEquals(new PromptCompletion("q", "a", row.origin()), row);
    }

    /** A bad answer behind rows that say nothing would be learnt as a good one. */
    @Test
    void rowsWithALabelBehindRowsWithoutAreRefused() throws IOException {
        String begin = "{'prompt': 'q', 'completion': 'a'";
        Path rows = file("rows.jsonl", begin + "}\n" + begin + ", 'label': false}\n");
        assertEquals(
                rows
                        + ", line 2: has a \"label\", but line 1 has none: all rows must be of one kind (--format prompt learns all"
                        + " completions, and reads no label)",
                assertThrows(DataException.class, () -> DataFiles.read(rows)).getMessage());
        assertEquals(2, DataFiles.read(rows, Columns.of(RowFormat.PROMPT)).size());
        assertEquals(2, DataFiles.read(rows, Columns.auto().questions()).size());
    }

    @Test
    void conversationsAreOneAnswerToAPrompt() throws IOException {
        String asks = "[{'role': 'user', 'content': 'q'}]";
        String begin = "{'prompt': " + asks + ", 'label': false, 'completion': ";
        String answer = "{'role': 'assistant', 'content': 'a'}";
        JudgedAnswer judged = (JudgedAnswer)
                DataFiles.read(file("a.jsonl", begin + "[" + answer + "]}\n")).get(0);
        assertFalse(judged.good());
        assertEquals(1, ((Conversation) judged.answer()).given());
        assertEquals(1, judged.conversations().size());
        String refused =
                "an answer that is judged must be one to a prompt: a text with a completion, or given turns with one"
                        + " turn of the assistant behind them";
        assertEquals(refused, fault(begin + "[" + answer + ", " + answer + "]}"));
        assertEquals(refused, fault(begin + "[{'role': 'user', 'content': 'a'}]}"));
    }

    @Test
    void columnsMayHaveOtherNames() throws IOException {
        Path rows = file("a.jsonl", "{'ask': 'q', 'said': 'a', 'ok': 0}\n");
        Columns columns = new Columns(null, "ok", "ask", "said", RowFormat.JUDGED);
        assertEquals(List.of(false), judgements(DataFiles.read(rows, columns)));
        assertTrue(assertThrows(ConfigException.class, () -> new Columns(null, "ok", "ask", "said"))
                .getMessage()
                .endsWith("or the format judged, in which a label says whether the completion is good"));
        Row asked = DataFiles.read(rows, columns.questions()).get(0);
        assertEquals(new PromptCompletion("q", "", asked.origin()), asked);
    }

    @Test
    void aPairIsAGoodAnswerAndABadOne() {
        Preference pair = new Preference(new PromptCompletion("q", "a"), new PromptCompletion("q", "b"));
        List<JudgedAnswer> both = JudgedAnswer.both(pair);
        assertEquals(
                List.of(pair.chosen(), pair.rejected()),
                both.stream().map(JudgedAnswer::answer).toList());
        assertEquals(List.of(true, false), both.stream().map(JudgedAnswer::good).toList());
        JudgedAnswer turned = new JudgedAnswer(pair.chosen(), false);
        assertNotEquals(RowText.answer(both.get(0)), RowText.answer(turned));
        assertEquals(RowText.question(both.get(0)), RowText.question(pair));
    }

    /** Of which the first is good. */
    private static JudgedDataset ids(int maxLength, int[]... answersBehindTheirPrompts) {
        List<int[]> all = List.of(answersBehindTheirPrompts);
        List<int[]> prompts =
                IntStream.range(0, all.size() / 2).mapToObj(i -> all.get(2 * i)).toList();
        List<int[]> answers = IntStream.range(0, all.size() / 2)
                .mapToObj(i -> all.get(2 * i + 1))
                .toList();
        boolean[] good = new boolean[answers.size()];
        good[0] = true;
        return JudgedDataset.ofIds(prompts, answers, good, maxLength);
    }

    private static int[] tokens(int... ids) {
        return ids;
    }

    private static long[] learnt(Dataset rows, int index) {
        return Arrays.stream(rows.get(index).labels())
                .filter(label -> label != Encoded.NO_LOSS)
                .toArray();
    }

    /** Two answers to one prompt take none of each other, each answer is taken once, and the end of what is too long is cut. */
    @Test
    void eachPromptHasTheAnswerOfAnotherToo() {
        JudgedDataset rows = ids(
                5,
                tokens(1, 2, 3),
                tokens(10, 11),
                tokens(4),
                tokens(12),
                tokens(1, 2, 3),
                tokens(20),
                tokens(5),
                tokens(30, 31, 32));
        assertEquals(4, rows.size());
        Dataset compared = rows.compared();
        assertEquals(8, compared.size());
        assertArrayEquals(new long[] {1, 2, 3, 10, 11}, compared.get(0).ids());
        // those of one prompt stand together, and each takes the answer two further on: rows 0, 2, 1, 3
        assertArrayEquals(new long[] {1, 2, 3, 12}, compared.get(1).ids());
        assertArrayEquals(new long[] {12}, learnt(compared, 1));
        assertArrayEquals(new long[] {1, 2, 3, 30, 31}, compared.get(5).ids());
        assertArrayEquals(new long[] {30, 31}, learnt(compared, 5));
        assertArrayEquals(new long[] {4, 10, 11}, compared.get(3).ids());
        assertArrayEquals(new long[] {5, 20}, compared.get(7).ids());
        assertArrayEquals(new int[] {5, 2, 4, 4}, rows.lengths());
        assertEquals(1, rows.good());
    }

    /** Two answers to one prompt, of which different ends were kept, are still to one prompt. */
    @Test
    void promptsAreToldApartByWhatTheyWereBeforeTheyWereCut() throws IOException {
        ByteModel.write(folder, "{\"eos_token\": \"<|end|>\", \"pad_token\": \"<|end|>\"}", "<|end|>");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            String prompt = "a question of many tokens";
            List<Row> texts = List.of(
                    new JudgedAnswer(new PromptCompletion(prompt, "short"), true),
                    new JudgedAnswer(new PromptCompletion(prompt, "somewhat longer"), false),
                    new JudgedAnswer(new PromptCompletion("b", "first"), true),
                    new JudgedAnswer(new PromptCompletion("c", "second"), false));
            Dataset compared = JudgedDataset.of(texts, tokenizer, 24, null).compared();
            assertEquals("[first<|end|>]", ByteModel.learnt(compared.get(1), tokenizer));
            assertEquals("[second<|end|>]", ByteModel.learnt(compared.get(3), tokenizer));
        }
    }

    @Test
    void aBatchSaysWhichAnswersAreWhich() {
        JudgedDataset rows = ids(9, tokens(1), tokens(2), tokens(3), tokens(4), tokens(5, 6), tokens(7))
                .withReference(new double[] {-1, -2, -3, -4, -5, -6});
        Batch all = rows.batch(new int[] {0, 2}, 0);
        assertArrayEquals(new int[] {1, 0, -1, 0}, ((RowFacts.Judged) all.facts()).signs());
        assertArrayEquals(new double[] {-1, -2, -5, -6}, ((RowFacts.Judged) all.facts()).reference());
        assertEquals(2, all.targets());
        List<MiniBatch> apart = rows.trainingBatches(new int[] {1, 2}, 0, 0, 0);
        assertArrayEquals(new int[] {-1, -1}, ((RowFacts.Judged) ((Batch) apart.get(0)).facts()).signs());
        assertArrayEquals(new double[] {-3, -5}, ((RowFacts.Judged) ((Batch) apart.get(0)).facts()).reference());
        assertArrayEquals(new int[] {0, 0}, ((RowFacts.Judged) ((Batch) apart.get(1)).facts()).signs());
        assertArrayEquals(new double[] {-4, -6}, ((RowFacts.Judged) ((Batch) apart.get(1)).facts()).reference());
        assertEquals(0, apart.get(1).targets());
        assertThrows(ConfigException.class, () -> rows.withReference(new double[3]));
    }

    @Test
    void theFingerprintIsOfTheJudgementsToo() {
        List<int[]> some = List.of(tokens(1), tokens(2));
        JudgedDataset one = JudgedDataset.ofIds(some, some, new boolean[] {true, false}, 4);
        JudgedDataset other = JudgedDataset.ofIds(some, some, new boolean[] {false, true}, 4);
        assertNotEquals(one.fingerprint(), other.fingerprint());
        assertThrows(ConfigException.class, () -> JudgedDataset.ofIds(some, some, new boolean[1], 4));
    }

    @Test
    void answersAreTokenizedAsTheyAreLearntElsewhere() throws IOException {
        ByteModel.write(
                folder, "{\"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|im_end|>\"}", "<|im_start|>", "<|im_end|>");
        Files.writeString(folder.resolve("chat_template.jinja"), CHATML);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            List<Row> texts = List.of(
                    new JudgedAnswer(new PromptCompletion("ask", "good"), true),
                    new JudgedAnswer(new PromptCompletion("other", "bad"), false));
            JudgedDataset plain = JudgedDataset.of(texts, tokenizer, 100, null);
            assertEquals("[good<|im_end|>]", ByteModel.learnt(plain.texts().get(0), tokenizer));
            assertEquals(
                    "askbad<|im_end|>", tokenizer.decode(plain.compared().get(1).ids(), false));
            ChatFormat format = new ChatFormat(ChatTemplate.open(folder), LossOn.ASSISTANT, true, Map.of());
            JudgedDataset turns = JudgedDataset.of(texts, tokenizer, 1000, format);
            assertEquals("[bad<|im_end|>]", ByteModel.learnt(turns.texts().get(1), tokenizer));
            assertEquals(
                    "<|im_start|>user\nother<|im_end|>\n<|im_start|>assistant\ngood<|im_end|>",
                    tokenizer.decode(turns.compared().get(3).ids(), false));
            List<Row> plainRows = List.of(new PromptCompletion("a", "b"));
            assertTrue(assertThrows(DataException.class, () -> JudgedDataset.of(plainRows, tokenizer, 10, null))
                    .getMessage()
                    .contains("holds no answer that is judged"));
            assertTrue(assertThrows(DataException.class, () -> Dataset.causalLm(texts, tokenizer, 10))
                    .getMessage()
                    .contains("holds an answer that is judged, and a language model would learn it here, good or bad"));
        }
    }

    /** One token of a strange answer stays. */
    @Test
    void aPromptAsLongAsAllMayBeLeavesRoomForAStrangeAnswer() {
        JudgedDataset dataset = JudgedDataset.ofIds(
                List.of(new int[] {1, 2, 3}, new int[] {4, 5, 6}),
                List.of(new int[] {7, 8}, new int[] {9, 10}),
                new boolean[] {true, false},
                2);
        assertArrayEquals(new long[] {1, 2, 3, 7, 8}, dataset.compared().get(0).ids());
        assertArrayEquals(new long[] {1, 2, 3, 9}, dataset.compared().get(1).ids());
        assertArrayEquals(new long[] {4, 5, 6, 7}, dataset.compared().get(3).ids());
    }
}
