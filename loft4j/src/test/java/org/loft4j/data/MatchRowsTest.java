package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.model.Fixture;

class MatchRowsTest {
    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text.replace('\'', '"'));
    }

    private List<Row> rows(String name, String text) throws IOException {
        return DataFiles.read(file(name, text));
    }

    private String fault(String json) throws IOException {
        Path file = file("a.jsonl", json);
        return String.valueOf(assertThrows(DataException.class, () -> DataFiles.read(file))
                        .getMessage())
                .replace('"', '\'');
    }

    private static void assertRow(Row row, String anchor, String positive, String... negatives) {
        TextMatch match = (TextMatch) row;
        assertEquals(anchor, match.anchor());
        assertEquals(positive, match.positive());
        assertEquals(List.of(negatives), match.negatives());
    }

    @Test
    void rowsComeInTheSpellingsThatDataSetsHave() throws IOException {
        assertRow(rows("a.jsonl", "{'anchor': 'q', 'positive': 'p'}").get(0), "q", "p");
        assertRow(
                rows("a.jsonl", "{'anchor': 'q', 'positive': 'p', 'negative': 'n', 'negative_2': 'm'}")
                        .get(0),
                "q",
                "p",
                "n",
                "m");
        assertRow(
                rows("a.jsonl", "{'query': 'q', 'positive': 'p', 'negatives': ['n', 'm'], 'negative': null}")
                        .get(0),
                "q",
                "p",
                "n",
                "m");
        List<Row> several = rows("a.jsonl", "{'query': 'q', 'pos': ['p', 'r'], 'neg': ['n'], 'prompt': 'not read'}");
        assertEquals(2, several.size(), "a row for each that belongs to it");
        assertRow(several.get(0), "q", "p", "n");
        assertRow(several.get(1), "q", "r", "n");
    }

    @Test
    void tablesHoldThemAndAnEmptyNegativeIsNone() throws IOException {
        List<Row> rows = rows("a.csv", "anchor,positive,negative_1,negative_2\nq,p,n,\ns,t,,\n");
        assertRow(rows.get(0), "q", "p", "n");
        assertRow(rows.get(1), "s", "t");
        assertEquals(RowFormat.MATCH, DataFiles.format(DataReference.of(folder.resolve("a.csv")), Columns.auto()));
        assertEquals(
                RowFormat.MATCH,
                DataFiles.format(DataReference.of(file("b.jsonl", "{'anchor': 'q', 'positive': ''}")), Columns.auto()),
                "the fault of a row says what it was to be");
        assertEquals(RowFormat.AUTO, DataFiles.format(DataReference.of(file("c.jsonl", "no json")), Columns.auto()));
    }

    @Test
    void whatWasReadBeforeIsReadAsBefore() throws IOException {
        assertTrue(
                rows("a.jsonl", "{'text': 't', 'query': 'q', 'positive': 'p'}").get(0) instanceof PlainText);
        assertTrue(
                rows("a.jsonl", "{'text': 't', 'label': 'l', 'positive': 'p'}").get(0) instanceof LabeledText);
        assertTrue(fault("{'query': 'q', 'answer': 'a'}").contains("has no 'text'"));
        // of rows that are asked nothing is compared
        Path file = file("q.jsonl", "{'text': 't', 'anchor': 'q', 'positive': 'p'}");
        assertTrue(DataFiles.read(file, Columns.auto().questions()).get(0) instanceof PlainText);
        Path pairs = file("p.jsonl", "{'anchor': 'q'}");
        PlainText asked = (PlainText)
                DataFiles.read(pairs, Columns.of(RowFormat.MATCH).questions()).get(0);
        assertEquals("q", asked.text());
    }

    @Test
    void faultsAreTold() throws IOException {
        assertTrue(fault("{'anchor': 'q', 'positive': ' '}").endsWith("'positive' is empty"));
        assertTrue(fault("{'anchor': 'q', 'positive': 'q'}")
                .endsWith("the two texts that belong together are the same: there is nothing to learn from them"));
        assertTrue(fault("{'anchor': 'q', 'positive': 'p', 'negative': 'p'}")
                .endsWith("a negative is the same text as the positive: it cannot be both"));
        assertTrue(fault("{'anchor': 'q', 'positive': []}").endsWith("there is nothing that belongs to 'anchor'"));
        assertTrue(fault("{'anchor': ['q'], 'positive': 'p'}").endsWith("'anchor' must be a text"));
        assertTrue(fault("{'anchor': 'q', 'positive': 3}").endsWith("must be a text or a list of texts, found 3"));
        assertTrue(fault("{'anchor': 'q', 'positive': 'p'}\n{'anchor': 'q'}").endsWith("all rows must be of one kind"));
    }

    private static MatchDataset encoded(int maxLength, TextMatch... rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            return MatchDataset.of(List.of(rows), tokenizer, maxLength);
        }
    }

    @Test
    void batchesKnowWhichTextsBelongTogetherAndWhichAreTheSame() throws IOException {
        MatchDataset rows = encoded(
                12,
                new TextMatch("the cat", "a dog", List.of("the dog sat", "a cat")),
                new TextMatch("the cat", "the mat"),
                new TextMatch("a cat", "the cat"));
        assertEquals(3, rows.size());
        assertEquals(8, rows.texts().size());
        assertEquals(4, rows.rowsTogether(2));
        long cells = rows.trainingBatches(new int[] {0, 1}, 0, 0, 0).stream()
                .mapToLong(part -> ((Batch) part).inputIds().length)
                .sum();
        assertEquals(cells, rows.cells(new int[] {0, 1}));
        List<MiniBatch> batches = rows.trainingBatches(new int[] {0, 2}, 0, 0, 0);
        Batch anchors = (Batch) batches.get(0);
        Batch others = (Batch) batches.get(1);
        assertEquals(2, anchors.targets());
        assertEquals(0, others.targets());
        assertArrayEquals(new int[] {0, 2}, ((MatchedTexts) anchors.facts()).examples());
        assertArrayEquals(new int[] {0, 0, 0, 2}, ((MatchedTexts) others.facts()).examples());
        assertArrayEquals(
                new int[] {MatchDataset.POSITIVE, MatchDataset.NEGATIVE, MatchDataset.NEGATIVE, MatchDataset.POSITIVE},
                ((MatchedTexts) others.facts()).roles());
        assertEquals(
                ((MatchedTexts) anchors.facts()).texts().get(0),
                ((MatchedTexts) others.facts()).texts().get(3),
                "of the same tokens");
        assertEquals(
                4,
                Stream.of(anchors, others)
                        .flatMap(some -> ((MatchedTexts) some.facts()).texts().stream())
                        .distinct()
                        .count());
        assertEquals(8, rows.batch(new int[] {0, 1, 2}, 0).rows());
    }

    /** A text is the same one whatever stands before it, and is one text once where two rows have it. */
    @Test
    void promptsStandBeforeTextsAndMakeNoOthersOfThem() throws IOException {
        List<TextMatch> rows =
                List.of(new TextMatch("the cat", "a dog", List.of("a cat")), new TextMatch("a cat", "the cat"));
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            MatchPrompts prompts = new MatchPrompts("on ", "sat ");
            MatchDataset prompted = MatchDataset.of(rows, tokenizer, 12, prompts);
            assertEquals(prompts, prompted.prompts());
            assertArrayEquals(
                    tokenizer.encodeTruncated("on the cat", 12),
                    prompted.texts().get(0).ids());
            for (int i = 1; i < 3; i++) {
                String text = List.of("sat a dog", "sat a cat").get(i - 1);
                assertArrayEquals(
                        tokenizer.encodeTruncated(text, 12),
                        prompted.texts().get(i).ids());
            }
            assertArrayEquals(
                    tokenizer.encodeTruncated("on a cat", 12),
                    prompted.texts().get(3).ids());
            MatchDataset plain = MatchDataset.of(rows, tokenizer, 12);
            assertEquals(plain.matches().texts(), prompted.matches().texts());
            assertEquals(3, prompted.matches().texts().stream().distinct().count());
            assertNotEquals(plain.fingerprint(), prompted.fingerprint());
            String refused = assertThrows(
                            ConfigException.class,
                            () -> MatchDataset.of(rows, tokenizer, 4, new MatchPrompts("the cat ", "")))
                    .getMessage();
            assertTrue(
                    refused.contains("max_length 4 leaves no room for a text behind the 4 tokens of the prompt"),
                    refused);
        }
    }

    /** Behind a prompt less of a text is seen, and texts that differ beyond that are the same to the model. */
    @Test
    void aPromptTakesItsTokensFromWhatMakesTextsDiffer() throws IOException {
        List<TextMatch> rows = List.of(new TextMatch("the cat", "a dog sat", List.of("a dog ran")));
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            MatchPrompts prompts = new MatchPrompts("", "on the mat ");
            MatchDataset cut = MatchDataset.of(rows, tokenizer, 7, prompts);
            assertArrayEquals(cut.texts().get(1).ids(), cut.texts().get(2).ids());
            assertEquals(2, cut.matches().texts().stream().distinct().count());
            MatchDataset whole = MatchDataset.of(rows, tokenizer, 8, prompts);
            assertEquals(3, whole.matches().texts().stream().distinct().count());
        }
    }

    @Test
    void textsAreCutEachByItselfAndARowCountsOnce() throws IOException {
        MatchDataset rows =
                encoded(4, new TextMatch("the cat sat on", "a dog sat on the mat"), new TextMatch("the cat", "a dog"));
        assertEquals(1, rows.texts().truncations().rows());
        assertEquals(4, rows.lengths()[0]);
        String fault = assertThrows(DataException.class, () -> encoded(4, new TextMatch("the cat sat", "the cat ran")))
                .getMessage();
        assertTrue(
                fault.endsWith("has two texts that are the same tokens once they are cut to 4: raise max_length, or"
                        + " leave the row out"),
                fault);
    }

    @Test
    void textsOutOfTheirTurnAreRefused() {
        List<int[]> texts = List.of(new int[] {5}, new int[] {6}, new int[] {7});
        for (int[] roles : new int[][] {{0, 2, 1}, {0, 1, 0}, {1, 0, 1}, {0, 0, 1}, {2, 0, 1}}) {
            assertThrows(ConfigException.class, () -> new MatchDataset(Dataset.classificationIds(texts, roles)));
        }
        assertEquals(1, new MatchDataset(Dataset.classificationIds(texts, new int[] {0, 1, 2})).size());
    }
}
