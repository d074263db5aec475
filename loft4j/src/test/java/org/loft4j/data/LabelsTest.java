package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class LabelsTest {
    private static List<LabeledText> rows(String... labels) {
        return Arrays.stream(labels)
                .map(label -> new LabeledText("text", label, new Origin(Path.of("rows.csv"), 2)))
                .toList();
    }

    @Test
    void wholeNumbersAreOrderedByValue() throws DataException {
        assertEquals(
                List.of("-1", "2", "10"), Labels.of(rows("10", "2", "-1", "2")).names());
        assertEquals(List.of("01", "1", "2"), Labels.of(rows("2", "1", "01")).names());
    }

    @Test
    void namesAreOrderedByCharacters() throws DataException {
        assertEquals(
                List.of("10", "2", "B", "a", "é"),
                Labels.of(rows("a", "é", "2", "B", "10")).names());
    }

    @Test
    void oneLabelIsNoTask() {
        var fault = assertThrows(DataException.class, () -> Labels.of(rows("a", "a")));
        assertEquals("rows.csv: has only one label, \"a\": there is nothing to tell apart", fault.getMessage());
        assertThrows(DataException.class, () -> Labels.of(List.of()));
        assertThrows(ConfigException.class, () -> Labels.ofNames(List.of("a")));
    }

    @Test
    void oneLabelOfAModelIsATask() throws DataException {
        List<String> known = List.of("b", "a", "C");
        assertEquals(known, Labels.of(rows("a", "a"), known).names());
        assertEquals(known, Labels.of(rows("c"), known).names());
        assertEquals(List.of("a", "c"), Labels.of(rows("c", "a"), known).names());
        for (String label : List.of("x", "0")) {
            var fault = assertThrows(DataException.class, () -> Labels.of(rows(label), known));
            assertEquals(
                    "rows.csv: has only one label, \"" + label
                            + "\", which is none of those that the model tells apart, \"b\", \"a\", \"C\"",
                    fault.getMessage());
        }
        assertThrows(DataException.class, () -> Labels.of(rows("aa"), List.of("AA", "aA")));
        assertThrows(DataException.class, () -> Labels.of(rows("a"), List.of("a")));
    }

    @Test
    void classesOfAModelMayShareAName() {
        Labels labels = Labels.ofNames(List.of("crane", "ferry", "crane", "owl"));
        assertEquals(4, labels.size());
        assertEquals(0, labels.index("crane"));
        assertEquals(2, labels.index("2"));
        assertEquals(List.of("crane (0)", "ferry", "crane (2)", "owl"), Labels.distinct(labels.names()));
    }

    @Test
    void rowsWithoutLabelAreFaults() {
        var origin = new Origin(Path.of("rows.jsonl"), 7);
        var fault = assertThrows(DataException.class, () -> Labels.of(List.of(new PlainText("a", origin))));
        assertEquals(
                "rows.jsonl, line 7: has no label: a classifier needs rows with \"text\" and \"label\";"
                        + " lists in \"labels\" are learnt with --problem-type multi_label_classification",
                fault.getMessage());
    }

    @Test
    void anUnknownLabelListsTheKnown() {
        Labels labels = Labels.ofNames(List.of("ham", "spam"));
        assertEquals(1, labels.index("spam"));
        var fault = assertThrows(ConfigException.class, () -> labels.index("eggs"));
        assertEquals("label \"eggs\" is unknown; the labels are \"ham\", \"spam\"", fault.getMessage());
        var many = Labels.ofNames(IntStream.range(0, 50).mapToObj(i -> "c" + i).toList());
        assertTrue(assertThrows(ConfigException.class, () -> many.index("x"))
                .getMessage()
                .endsWith("and 30 more"));
    }

    @Test
    void numbersAreIndicesOfNamesThatAreNoNumbers() {
        Labels named = Labels.ofNames(List.of("negative", "positive"));
        assertEquals(1, named.index("1"));
        assertThrows(ConfigException.class, () -> named.index("2"));
        assertThrows(ConfigException.class, () -> named.index("-1"));
        assertThrows(ConfigException.class, () -> named.index("01"));
        Labels numbers = Labels.ofNames(List.of("1", "2"));
        assertEquals(0, numbers.index("1"));
        assertThrows(ConfigException.class, () -> numbers.index("0"));
    }

    /** A part of a file that counts from 1 has numbers that the model knows, each of another class. */
    @Test
    void numbersThatMayBeNoIndicesAreRefused() throws DataException {
        Labels named = Labels.ofNames(List.of("bad", "mid", "top"));
        named.requireIndices(new TreeSet<>(List.of("0", "2")), Set.of(), Origin.MEMORY);
        named.requireIndices(new TreeSet<>(List.of("2")), Set.of("0", "1", "2"), Origin.MEMORY);
        named.requireIndices(new TreeSet<>(List.of("bad", "Top")), Set.of(), Origin.MEMORY);
        for (List<String> found : List.of(List.of("1", "2"), List.of("0", "bad"), List.of("2", "TOP"))) {
            assertThrows(
                    DataException.class,
                    () -> named.requireIndices(new TreeSet<>(found), Set.of(), Origin.MEMORY),
                    found.toString());
        }
        Labels numbers = Labels.ofNames(List.of("1", "2", "3"));
        numbers.requireIndices(new TreeSet<>(List.of("1", "2")), Set.of(), Origin.MEMORY);
    }

    /** As files from a Mac have accents. */
    @Test
    void anAccentMayBeACharacterOfItsOwn() {
        Labels composed = Labels.ofNames(List.of("caf\u00e9", "th\u00e9"));
        assertEquals(1, composed.index("the\u0301"));
        Labels both = Labels.ofNames(List.of("caf\u00e9", "cafe\u0301"));
        assertEquals(1, both.index("cafe\u0301"));
        assertThrows(ConfigException.class, () -> both.index("CAF\u00c9"));
    }

    @Test
    void theCaseOfANameTellsApartOnlyWhatNothingElseDoes() {
        Labels named = Labels.ofNames(List.of("CONTRADICTION", "NEUTRAL", "ENTAILMENT"));
        assertEquals(2, named.index("entailment"));
        Labels months = Labels.ofNames(List.of("may", "May", "june"));
        assertEquals(1, months.index("May"));
        assertThrows(ConfigException.class, () -> months.index("MAY"));
        assertEquals(2, months.index("June"));
    }
}
