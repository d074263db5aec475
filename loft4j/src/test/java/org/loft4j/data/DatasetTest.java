package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class DatasetTest {
    private static final Labels LABELS = Labels.ofNames(List.of("no", "yes"));
    private static final long NO = Encoded.NO_LOSS;
    /** begin 1, end 2. */
    private static Tokenizer stories;
    /** CLS 1, SEP 2, no end. */
    private static Tokenizer wordpiece;

    @BeforeAll
    static void open() throws IOException {
        stories = Tokenizer.open(Fixtures.directory("stories260K"));
        wordpiece = Tokenizer.open(Fixtures.directory("tiny_wordpiece"));
    }

    @AfterAll
    static void close() {
        stories.close();
        wordpiece.close();
    }

    private static void assertExample(long[] ids, long[] labels, Encoded example) {
        assertArrayEquals(ids, example.ids());
        assertArrayEquals(labels, example.labels());
    }

    @Test
    void anEndThatTheDataHaveIsNotDoubled() throws IOException {
        Dataset plain = Dataset.causalLm(List.of(new PlainText("the cat"), new PlainText("the cat</s>")), stories, 20);
        assertEquals(2, plain.get(0).ids()[plain.length(0) - 1]);
        assertExample(plain.get(0).ids(), plain.get(0).labels(), plain.get(1));
        Dataset asked = Dataset.causalLm(
                List.of(new PromptCompletion("the", "cat"), new PromptCompletion("the", "cat</s>")), stories, 20);
        assertEquals(2, asked.get(0).ids()[asked.length(0) - 1]);
        assertExample(asked.get(0).ids(), asked.get(0).labels(), asked.get(1));
        Dataset other = Dataset.causalLm(List.of(new PlainText("cat"), new PlainText("cat[SEP]")), wordpiece, 20);
        assertExample(other.get(0).ids(), other.get(0).labels(), other.get(1));
    }

    @Test
    void aBeginningThatTheDataHaveIsNotDoubled() throws IOException {
        Dataset plain =
                Dataset.causalLm(List.of(new PlainText("the cat"), new PlainText("<s>the cat</s>")), stories, 20);
        assertEquals(1, plain.get(0).ids()[0]);
        assertExample(plain.get(0).ids(), plain.get(0).labels(), plain.get(1));
        Dataset asked = Dataset.causalLm(
                List.of(new PromptCompletion("the", "cat"), new PromptCompletion("<s>the", "cat")), stories, 20);
        assertExample(asked.get(0).ids(), asked.get(0).labels(), asked.get(1));
        assertArrayEquals(stories.encodePrompt("the cat"), stories.encodePrompt("<s>the cat"));
        assertEquals(1, stories.encodePrompt("").length);
    }

    @Test
    void classificationKeepsBothEnds() throws IOException {
        var rows = List.of(new LabeledText("the cat", "yes"), new LabeledText("the cat sat on the mat", "no"));
        Dataset dataset = Dataset.classification(rows, LABELS, wordpiece, 5);
        assertTrue(dataset.isClassification());
        assertExample(new long[] {1, 5, 7, 2}, new long[] {1}, dataset.get(0));
        assertExample(new long[] {1, 5, 7, 9, 2}, new long[] {0}, dataset.get(1));
        assertEquals(new Truncations(1, 0, 3), dataset.truncations());
        assertEquals(2, dataset.size());
        assertEquals(9, dataset.tokens());
        assertEquals(9, dataset.largestId());
    }

    @Test
    void classificationFaultsNameTheLine() {
        var origin = new Origin(Path.of("eval.csv"), 12);
        var unknown = assertThrows(
                DataException.class,
                () -> Dataset.classification(List.of(new LabeledText("a", "maybe", origin)), LABELS, wordpiece, 8));
        assertEquals(
                "eval.csv, line 12: label \"maybe\" is unknown; the labels are \"no\", \"yes\"", unknown.getMessage());
        var unlabelled = assertThrows(
                DataException.class,
                () -> Dataset.classification(List.of(new PlainText("a", origin)), LABELS, wordpiece, 8));
        assertTrue(unlabelled.getMessage().startsWith("eval.csv, line 12: has no label"));
        var nothing = assertThrows(
                DataException.class,
                () -> Dataset.classification(List.of(new LabeledText("\u200B", "no", origin)), LABELS, wordpiece, 8));
        assertEquals("eval.csv, line 12: the tokenizer finds no tokens in the text", nothing.getMessage());
        assertThrows(ConfigException.class, () -> Dataset.classification(List.of(), LABELS, wordpiece, 2));
    }

    @Test
    void idsAndClassesThatNoModelHasAreRefused() {
        List<int[]> ids = List.of(new int[] {1, 2}, new int[] {3, -1});
        assertEquals(
                "token id of example 1 must be at least 0, got -1",
                assertThrows(ConfigException.class, () -> Dataset.causalLmIds(ids))
                        .getMessage());
        List<int[]> good = List.of(new int[] {1, 2}, new int[] {3});
        String refused = assertThrows(ConfigException.class, () -> Dataset.classificationIds(good, new int[] {0, -1}))
                .getMessage();
        assertTrue(refused.startsWith("the class of example 1 must be at least 0, or -100"), refused);
        assertEquals(2, Dataset.classificationIds(good, new int[] {-100, 0}).size());
    }

    @Test
    void textsEndWithTheEndToken() throws IOException {
        List<Row> rows = List.of(
                new PlainText("Once upon a time"),
                new LabeledText("Once", "ignored"),
                new PlainText("Once upon a time"));
        Dataset dataset = Dataset.causalLm(rows, stories, 6);
        assertFalse(dataset.isClassification());
        long[] whole = {1, 403, 407, 261, 378, 2};
        assertExample(whole, whole, dataset.get(0));
        assertExample(new long[] {1, 403, 2}, new long[] {1, 403, 2}, dataset.get(1));
        assertEquals(new Truncations(0, 0, 0), dataset.truncations());
        Dataset shorter = Dataset.causalLm(rows, stories, 4);
        assertArrayEquals(new long[] {1, 403, 407, 261}, shorter.get(0).ids());
        assertEquals(new Truncations(2, 0, 4), shorter.truncations());
    }

    @Test
    void lossIsOnTheCompletionAndItsEnd() throws IOException {
        Dataset dataset = Dataset.causalLm(List.of(new PromptCompletion("Once upon", "a time")), stories, 100);
        assertExample(new long[] {1, 403, 407, 261, 378, 2}, new long[] {NO, NO, NO, 261, 378, 2}, dataset.get(0));
    }

    @Test
    void promptsLoseTheirBeginning() throws IOException {
        List<Row> rows = List.of(new PromptCompletion("Once upon a time", "a time"));
        Dataset one = Dataset.causalLm(rows, stories, 6);
        assertExample(new long[] {1, 261, 378, 261, 378, 2}, new long[] {NO, NO, NO, 261, 378, 2}, one.get(0));
        assertEquals(new Truncations(1, 0, 2), one.truncations());
        Dataset cut = Dataset.causalLm(rows, stories, 4);
        assertExample(new long[] {1, 378, 261, 378}, new long[] {NO, NO, 261, 378}, cut.get(0));
        assertEquals(new Truncations(1, 1, 4), cut.truncations());
        Dataset least = Dataset.causalLm(rows, stories, 2);
        assertExample(new long[] {1, 261}, new long[] {NO, 261}, least.get(0));
    }

    @Test
    void withoutAnEndTokenTheTrailingSpecialTokensEnd() throws IOException {
        List<Row> rows = List.of(new PromptCompletion("the cat", "sat"), new PlainText("the cat"));
        Dataset dataset = Dataset.causalLm(rows, wordpiece, 100);
        assertExample(new long[] {1, 5, 7, 9, 2}, new long[] {NO, NO, NO, 9, 2}, dataset.get(0));
        assertArrayEquals(new long[] {1, 5, 7, 2}, dataset.get(1).ids());
    }

    @Test
    void rowsWithoutTokensAreFaults() {
        var origin = new Origin(Path.of("a.jsonl"), 3);
        String blank = "\u200B";
        for (Row row : List.of(new PromptCompletion(blank, "a", origin), new PromptCompletion("a", blank, origin))) {
            var fault = assertThrows(DataException.class, () -> Dataset.causalLm(List.of(row), wordpiece, 100));
            assertTrue(fault.getMessage().startsWith("a.jsonl, line 3: the tokenizer finds no tokens in the "));
        }
        assertThrows(ConfigException.class, () -> Dataset.causalLm(List.of(), stories, 1));
    }

    @Test
    void blocksLoseNothing() throws IOException {
        var documents = List.of(new PlainText("Once upon a time"), new PlainText("Once upon"));
        Dataset dataset = Dataset.blocks(documents, stories, 4);
        assertEquals(3, dataset.size());
        assertExample(new long[] {1, 403, 407, 261}, new long[] {1, 403, 407, 261}, dataset.get(0));
        assertArrayEquals(new long[] {378, 2, 1, 403}, dataset.get(1).ids());
        assertArrayEquals(new long[] {407, 2}, dataset.get(2).ids());
        assertEquals(1, Dataset.blocks(documents, stories, 9).size(), "a last block of one token is left out");
        assertThrows(DataException.class, () -> Dataset.blocks(List.of(), stories, 4));
    }

    @Test
    void batchesArePaddedOnTheRight() throws IOException {
        List<Row> rows = List.of(new PlainText("Once"), new PromptCompletion("Once upon", "a time"));
        Batch batch = Batch.collate(Dataset.causalLm(rows, stories, 9), new int[] {1, 0}, 7);
        assertEquals(2, batch.rows());
        assertEquals(6, batch.columns());
        assertArrayEquals(new long[] {1, 403, 407, 261, 378, 2, 1, 403, 2, 7, 7, 7}, batch.inputIds());
        assertArrayEquals(new long[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0}, batch.attentionMask());
        assertArrayEquals(new long[] {NO, NO, NO, 261, 378, 2, 1, 403, 2, NO, NO, NO}, batch.labels());
        assertEquals(9, batch.tokens());
        assertEquals(3 + 2, batch.targets(), "the first token of a row is not predicted");
    }

    @Test
    void classificationBatchesHaveOneLabelARow() throws IOException {
        var rows = List.of(new LabeledText("the cat", "yes"), new LabeledText("dog", "no"));
        Batch batch = Batch.collate(Dataset.classification(rows, LABELS, wordpiece, 9), new int[] {0, 1}, 3);
        assertArrayEquals(new long[] {1, 5, 7, 2, 1, 8, 2, 3}, batch.inputIds());
        assertArrayEquals(new long[] {1, 0}, batch.labels());
        assertEquals(2, batch.targets());
        assertEquals(7, Arrays.stream(batch.attentionMask()).sum());
    }

    /** A run is not gone on with where what it learns of the same tokens has changed. */
    @Test
    void theFingerprintIsThatOfTheLabelsToo() throws IOException {
        Dataset whole = Dataset.causalLm(List.of(new PlainText("Once upon a time")), stories, 9);
        Dataset answer = Dataset.causalLm(List.of(new PromptCompletion("Once upon", "a time")), stories, 9);
        assertArrayEquals(whole.get(0).ids(), answer.get(0).ids());
        assertNotEquals(whole.fingerprint(), answer.fingerprint());
        List<int[]> ids = List.of(new int[] {1, 2}, new int[] {3});
        String classes = Dataset.classificationIds(ids, new int[] {0, 1}).fingerprint();
        assertEquals(classes, Dataset.classificationIds(ids, new int[] {0, 1}).fingerprint());
        assertNotEquals(
                classes, Dataset.classificationIds(ids, new int[] {1, 0}).fingerprint());
    }

    /** The same ids, of which another part belongs to the second text. */
    @Test
    void aFingerprintTellsWhereTheSecondTextBegins() throws IOException {
        Dataset early = pair("the", "a[SEP]cat");
        Dataset late = pair("the[SEP]a", "cat");
        assertArrayEquals(early.get(0).ids(), late.get(0).ids());
        assertNotEquals(early.fingerprint(), late.fingerprint());
    }

    private static Dataset pair(String text, String second) throws IOException {
        return Dataset.classification(
                List.of(new LabeledText(text, second, "no", Origin.MEMORY)), LABELS, wordpiece, 9);
    }
}
