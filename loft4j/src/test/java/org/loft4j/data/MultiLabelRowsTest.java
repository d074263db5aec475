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
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Rows whose texts may have several labels. */
class MultiLabelRowsTest {
    private static final Columns LISTS = Columns.auto().withSeveral(SeveralLabels.lists());
    private static final Columns BARS = Columns.auto().withSeveral(new SeveralLabels("|", List.of()));
    private static final Columns FLAGS =
            Columns.auto().withSeveral(new SeveralLabels(null, List.of("toxic", "insult", "threat")));

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private static Dataset dataset(List<Row> rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
            return Dataset.multiLabel(rows, Labels.ofNames(List.of("toxic", "insult", "threat")), tokenizer, 20);
        }
    }

    private static List<List<String>> labels(List<Row> rows) {
        return rows.stream().map(row -> ((MultiLabelText) row).labels()).toList();
    }

    /** The three ways to write the same. */
    @Test
    void listsSeparatedTextsAndColumnsOfFlagsSayTheSame() throws IOException {
        List<Row> json = DataFiles.read(
                file(
                        "a.jsonl",
                        "{\"text\": \"the cat\", \"labels\": [\"insult\", \"toxic\", \"insult\"]}\n"
                                + "{\"text\": \"a dog\", \"labels\": []}\n"
                                + "{\"text\": \"the\", \"labels\": \"threat\"}\n"),
                BARS);
        List<Row> bars =
                DataFiles.read(file("a.csv", "text,labels\nthe cat, toxic | insult \na dog,\nthe,threat\n"), BARS);
        List<Row> flags = DataFiles.read(
                file("f.csv", "text,insult,toxic,threat\nthe cat,1,1.0,0\na dog,0,0,False\nthe,0,0,true\n"), FLAGS);
        List<Row> flagsOfJson = DataFiles.read(
                file(
                        "f.jsonl",
                        "{\"text\": \"the cat\", \"toxic\": 1, \"insult\": true, \"threat\": 0}\n"
                                + "{\"text\": \"a dog\", \"toxic\": 0, \"insult\": 0.0, \"threat\": false}\n"
                                + "{\"text\": \"the\", \"toxic\": 0, \"insult\": 0, \"threat\": \"1\"}\n"),
                FLAGS);
        assertEquals(List.of(List.of("insult", "toxic"), List.of(), List.of("threat")), labels(json));
        Dataset made = dataset(json);
        for (List<Row> other : List.of(bars, flags, flagsOfJson)) {
            assertEquals(made.fingerprint(), dataset(other).fingerprint());
        }
        assertTrue(made.isMultiLabel());
        assertFalse(made.isClassification() || made.isRegression());
        Batch batch = made.batch(new int[] {2, 0, 1}, 0);
        assertArrayEquals(new float[] {0, 0, 1, 1, 1, 0, 0, 0, 0}, batch.scores());
        assertEquals(0, batch.labels().length);
        assertEquals(3, batch.targets());
        List<Row> fewer = List.of(new MultiLabelText("the cat", List.of("toxic")), json.get(1), json.get(2));
        assertNotEquals(made.fingerprint(), dataset(fewer).fingerprint());
        assertTrue(made.heapBytes() > dataset(fewer).heapBytes() - 1);
        assertEquals(
                List.of("toxic", "insult", "threat"),
                DataFiles.readRows(DataReference.of(folder.resolve("f.csv")), FLAGS)
                        .classes());
    }

    @Test
    void pairsAndOtherColumnsAreRead() throws IOException {
        Columns named = new Columns("a", "b", "tags", null, null, RowFormat.AUTO, true)
                .withSeveral(new SeveralLabels(";", List.of()));
        List<Row> rows = DataFiles.read(file("p.tsv", "a\tb\ttags\nthe cat\ta dog\ttoxic;threat\n"), named);
        assertEquals(
                new MultiLabelText(
                        "the cat",
                        "a dog",
                        List.of("toxic", "threat"),
                        rows.get(0).origin()),
                rows.get(0));
        assertTrue(dataset(rows).hasPairs());
        // what is asked has no labels, whatever stands there
        assertTrue(DataFiles.read(folder.resolve("p.tsv"), named.questions()).get(0) instanceof TextPair);
        assertEquals(
                List.of("label"),
                labels(DataFiles.read(file("l.jsonl", "{\"text\": \"a\", \"label\": [\"label\"]}\n"), LISTS))
                        .get(0));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '!',
            quoteCharacter = '~',
            value = {
                "{\"text\": \"a\", \"labels\": \"toxic|insult\"} ! \"labels\" must be an array of names, found the string \"toxic|insult\": --label-separator says",
                "{\"text\": \"a\", \"labels\": null} ! \"labels\" must be an array of names, found null",
                "{\"text\": \"a\", \"labels\": 3} ! \"labels\" must be an array of names, found 3",
                "{\"text\": \"a\", \"labels\": [\"x\", null]} ! \"labels\" must be a name or a whole number, found null",
                "{\"text\": \"a\", \"labels\": [\"x\", 0.5]} ! \"labels\" must be a name or a whole number, found 0.5",
                "{\"text\": \"a\", \"labels\": [1.0, 0.0]} ! \"labels\" must be a name or a whole number, found 1.0: flags for all labels are not",
                "{\"text\": \"a\", \"labels\": [1, 0, 0]} ! \"labels\" holds the number 0 twice: flags for all labels are not read from a list; write",
                "{\"text\": \"a\", \"labels\": [true, false]} ! \"labels\" holds true: flags for all labels are not read from a list; write",
                "{\"text\": \"a\", \"labels\": [\"x\", \"\\u00a0\"]} ! \"labels\" holds a label without a name",
                "{\"text\": \"a\", \"labels\": [\"x\", \" \"]} ! \"labels\" holds a label without a name",
                "{\"text\": \"a\", \"labels\": \"['x', 'y']\"} ! \"labels\" is a list that was written as text",
                "{\"text\": \"\", \"labels\": []} ! \"text\" is empty",
                "{\"text\": \"a\"} ! has no \"labels\"; it has",
            })
    void aListThatCannotBeReadIsRefusedByItsRow(String row, String fault) throws IOException {
        Path rows = file("rows.jsonl", row + "\n");
        String found = fault(rows, LISTS);
        assertTrue(found.startsWith(rows + ", line 1: " + fault), found);
    }

    @ParameterizedTest
    @ValueSource(strings = {"x||y", "x|", "|x"})
    void aSeparatorWithoutANameBesideItIsRefused(String cell) throws IOException {
        Path rows = file("rows.csv", "text,labels\na," + cell + "\n");
        assertTrue(fault(rows, BARS).contains("line 2: \"labels\" holds a label without a name"));
    }

    /** A column is asked for as it is called, whatever is in its name. */
    @Test
    void columnsAreCalledAsTheirHeaderHasThem() throws IOException {
        Columns columns = Columns.auto().withSeveral(new SeveralLabels(null, List.of("toxic\u00a0", "insult")));
        Path rows = file("rows.csv", "text,toxic\u00a0,insult\na,1,0\nb,0,1\n");
        assertEquals(
                List.of("toxic\u00a0"),
                ((MultiLabelText) DataFiles.read(rows, columns).get(0)).labels());
    }

    /** A 0 or a 1 for each label is not two labels with these numbers. */
    @Test
    void flagsOfAllLabelsInOneTextAreRefused() throws IOException {
        assertTrue(fault(file("rows.csv", "text,labels\na,0|1\nb,0|1|1\n"), BARS)
                .contains("line 3: \"labels\" holds the number 1 twice: flags for all labels are not read"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "", "yes", "2", "0.5"})
    void aFlagIsOneOrZero(String cell) throws IOException {
        Path rows = file("rows.csv", "text,toxic,insult,threat\na,0,1," + cell + "\n");
        assertTrue(fault(rows, FLAGS)
                .contains("line 2: \"threat\" must be 1 where the text has the label and 0 where it has not, found"));
        Path none = file("none.csv", "text,toxic,insult\na,0,1\n");
        assertTrue(fault(none, FLAGS).contains("has no \"threat\"; it has"));
    }

    @Test
    void aTableNeedsASeparatorOrColumns() throws IOException {
        Path rows = file("rows.csv", "text,labels\na,x\n");
        assertTrue(
                fault(rows, LISTS)
                        .contains(
                                "has \"text\" and \"labels\", but a table of text cannot hold lists:"
                                        + " --label-separator says what stands between the labels of a text, --label-columns names columns"
                                        + " of 0 and 1, and training with --problem-type single_label_classification learns one class for each text"));
    }

    @Test
    void columnsThatContradictEachOtherAreRefused() {
        assertThrows(ConfigException.class, () -> new SeveralLabels("", List.of()));
        assertThrows(ConfigException.class, () -> new SeveralLabels("|", List.of("a", "b")));
        assertThrows(ConfigException.class, () -> new SeveralLabels(null, List.of("a")));
        assertThrows(ConfigException.class, () -> new SeveralLabels(null, List.of("a", "a")));
        SeveralLabels flags = new SeveralLabels(null, List.of("a", "b"));
        assertThrows(ConfigException.class, () -> Columns.of("text", "label").withSeveral(flags));
        assertThrows(ConfigException.class, () -> Columns.of("a", null).withSeveral(flags));
        assertThrows(ConfigException.class, () -> Columns.of(RowFormat.MESSAGES).withSeveral(flags));
    }

    @Test
    void labelsAreFoundInAllRowsAndMustBeTwo() throws IOException {
        List<Row> rows = List.of(
                new MultiLabelText("a", List.of("y", "x")),
                new MultiLabelText("a", List.of()),
                new MultiLabelText("a", List.of("z")));
        assertEquals(List.of("x", "y", "z"), Labels.of(rows).names());
        List<Row> none = List.of(new MultiLabelText("a", List.of()));
        assertTrue(assertThrows(DataException.class, () -> Labels.of(none))
                .getMessage()
                .contains("has no label in any row"));
        assertEquals(List.of("x", "y"), Labels.of(none, List.of("x", "y")).names());
        DataException unknown =
                assertThrows(DataException.class, () -> dataset(List.of(new MultiLabelText("a", List.of("kind")))));
        assertTrue(unknown.getMessage().contains("label \"kind\" is unknown; the labels are"), unknown.getMessage());
        DataException plain = assertThrows(DataException.class, () -> dataset(List.of(new LabeledText("a", "x"))));
        assertTrue(plain.getMessage().contains("has no list of labels"), plain.getMessage());
    }

    /** Who has such rows and asks for classes is told what learns them. */
    @Test
    void listsAreNoClassesAndTheMessageSaysWhatTheyAre() throws IOException {
        Path lists = file("rows.jsonl", "{\"text\": \"a\", \"label\": [\"x\"]}\n");
        assertTrue(
                fault(lists, Columns.auto())
                        .endsWith(
                                "found an array: a text has one class; --problem-type multi_label_classification learns several labels"));
        for (Row row : List.of(new PlainText("a"), new MultiLabelText("a", List.of("x")))) {
            try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
                String message = assertThrows(
                                DataException.class,
                                () -> Dataset.classification(
                                        List.of(row), Labels.ofNames(List.of("x", "y")), tokenizer, 20))
                        .getMessage();
                assertTrue(
                        message.contains(
                                row instanceof PlainText
                                        ? "are learnt with --problem-type multi_label_classification"
                                        : "has a list of labels, and a classifier learns one class"),
                        message);
            }
        }
    }

    @Test
    void aLanguageModelLearnsNoLists() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
            String message = assertThrows(
                            DataException.class,
                            () -> Dataset.causalLm(List.of(new MultiLabelText("the cat", List.of("x"))), tokenizer, 20))
                    .getMessage();
            assertTrue(
                    message.contains("holds a text with a list of labels, which a language model does not"), message);
        }
    }

    private static String fault(Path file, Columns columns) {
        return assertThrows(DataException.class, () -> DataFiles.read(file, columns))
                .getMessage();
    }
}
