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
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.DataException;

/** Rows of a regression. */
class ScoresTest {
    private static final Columns SCORES = Columns.auto().withScores();

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private static Dataset dataset(List<Row> rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
            return Dataset.regression(rows, tokenizer, 20);
        }
    }

    @Test
    void numbersAreReadFromTablesAndFromJson() throws IOException {
        List<Row> table = DataFiles.read(
                file("a.csv", "text,text_pair,label\nthe cat,a cat,3.8\na dog,the dog,-1e-1\nthe,a,5\n"), SCORES);
        List<Row> json = DataFiles.read(
                file(
                        "a.jsonl",
                        "{\"text\": \"the cat\", \"text_pair\": \"a cat\", \"label\": 3.8}\n"
                                + "{\"text\": \"a dog\", \"text_pair\": \"the dog\", \"label\": -0.1}\n"
                                + "{\"text\": \"the\", \"text_pair\": \"a\", \"label\": \"5\"}\n"),
                SCORES);
        Dataset dataset = dataset(table);
        assertTrue(dataset.isRegression());
        assertFalse(dataset.isClassification());
        Batch batch = dataset.batch(new int[] {2, 0, 1}, 0);
        assertArrayEquals(new float[] {5, 3.8f, -0.1f}, batch.scores());
        assertEquals(0, batch.labels().length);
        assertEquals(3, batch.targets());
        assertTrue(batch.tokenTypeIds() != null, "pairs have two types of token");
        assertEquals(dataset.fingerprint(), dataset(json).fingerprint());
        List<Row> other = List.of(table.get(0), table.get(1), new LabeledText("the", "a", "5.1", Origin.MEMORY));
        assertNotEquals(dataset.fingerprint(), dataset(other).fingerprint());
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
            Dataset classes = Dataset.classification(table, Labels.of(table), tokenizer, 20);
            assertEquals(classes.heapBytes(), dataset.heapBytes(), "a number takes what a class takes");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nan", "NaN", "inf", "-Infinity", "1e39", "high", "3,8", "0x1p3", "1f", "1.5.2"})
    void aLabelThatIsNoFiniteNumberIsRefusedByItsRow(String label) throws IOException {
        Path rows = file("rows.tsv", "text\tlabel\nthe cat\t1\na dog\t" + label + "\n");
        List<Row> read = DataFiles.read(rows, SCORES);
        DataException fault = assertThrows(DataException.class, () -> dataset(read));
        assertEquals(
                rows + ", line 3: label \"" + label
                        + "\" must be a finite number with a point before its decimals, as 3.8: a regression learns numbers",
                fault.getMessage());
    }

    @Test
    void aLabelThatIsMissingIsRefusedByItsRow() throws IOException {
        Path empty = file("rows.csv", "text,label\nthe cat,1\na dog,\n");
        assertTrue(fault(empty, SCORES).endsWith("line 3: \"label\" is empty"));
        Path none = file("rows.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"a\", \"label\": null}\n");
        assertTrue(fault(none, SCORES).endsWith("line 2: \"label\" must be a number, found null"));
        // as Python writes it
        Path nan = file("nan.jsonl", "{\"text\": \"a\", \"label\": NaN}\n");
        String message = assertThrows(DataException.class, () -> dataset(DataFiles.read(nan, SCORES)))
                .getMessage();
        assertTrue(message.startsWith(nan + ", line 1: label \"NaN\" must be a finite number"), message);
        assertTrue(fault(nan, Columns.auto()).contains("\"label\" must be a name or a whole number, found NaN"));
        Path yes = file("yes.jsonl", "{\"text\": \"a\", \"label\": true}\n");
        assertTrue(fault(yes, SCORES).endsWith("line 1: \"label\" must be a number, found true"));
        DataException unlabelled = assertThrows(DataException.class, () -> dataset(List.of(new PlainText("the cat"))));
        assertTrue(unlabelled.getMessage().contains("has no label: a regression needs rows with"));
    }

    /** A fraction is no class, unless it is written as a name. */
    @Test
    void aFractionIsAClassOfNobodyWhoAsksForNoNumbers() throws IOException {
        Path json = file("rows.jsonl", "{\"text\": \"a\", \"label\": 3.8}\n");
        assertTrue(fault(json, Columns.auto())
                .endsWith("must be a name or a whole number, found 3.8: a class is no fraction;"
                        + " --problem-type regression learns numbers"));
    }

    private static String fault(Path file, Columns columns) {
        String message = assertThrows(DataException.class, () -> DataFiles.read(file, columns))
                .getMessage();
        assertTrue(message.startsWith(file + ", "), message);
        return message;
    }

    @Test
    void aPassOverNumbersKeepsNoneOfThem() throws IOException {
        StringBuilder csv = new StringBuilder("text,label\n");
        for (int i = 0; i < 50; i++) {
            csv.append("the cat,").append(i / 7.0).append('\n');
        }
        RowSource rows = DataFiles.stream(DataReference.of(file("rows.csv", csv.toString())), SCORES);
        RowScan scan = RowScan.ofScores(rows, row -> false);
        assertEquals(50, scan.rows());
        assertTrue(scan.labels().isEmpty());
        assertEquals(50, RowScan.of(rows).labels().size());
        assertNull(dataset(List.copyOf(scan.first())).chatFormat());
    }
}
