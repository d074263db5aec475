package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class FoldsTest {
    /** 60 rows of one class, 25 of another, 5 of a third. */
    private static List<Row> classes() {
        List<Row> rows = new ArrayList<>();
        Map.of("many", 60, "some", 25, "few", 5).forEach((label, count) -> {
            for (int i = 0; i < count; i++) {
                rows.add(new LabeledText(label + " " + i, label));
            }
        });
        return rows;
    }

    private static List<Set<Row>> sets(Folds folds) {
        return folds.parts().stream().map(Set::copyOf).toList();
    }

    @Test
    void everyRowIsHeldOutOnceAndClassesKeepTheirProportions() {
        List<Row> rows = classes();
        Folds folds = Folds.of(rows, 5, 3, true);
        assertEquals(5, folds.count());
        List<Row> all = new ArrayList<>();
        for (int fold = 0; fold < 5; fold++) {
            List<Row> held = folds.heldOut(fold);
            assertEquals(Map.of("many", 12, "some", 5, "few", 1), Folds.labelCounts(held));
            Set<Row> both = new HashSet<>(folds.learnt(fold));
            assertEquals(72, both.size());
            assertTrue(Collections.disjoint(both, held));
            all.addAll(held);
        }
        assertEquals(new HashSet<>(rows), new HashSet<>(all));
        assertEquals(90, all.size());
    }

    @Test
    void theOrderOfTheRowsChangesNothingAndTheSeedDoes() {
        List<Row> rows = classes();
        List<Row> shuffled = new ArrayList<>(rows);
        Collections.shuffle(shuffled, new Random(1));
        assertEquals(sets(Folds.of(rows, 4, 3, true)), sets(Folds.of(shuffled, 4, 3, true)));
        assertNotEquals(sets(Folds.of(rows, 4, 3, true)), sets(Folds.of(rows, 4, 4, true)));
    }

    /** A text that is there three times makes a fold larger, which is no reason to leave another class out of it. */
    @Test
    void eachClassIsPartedByItself() {
        List<Row> rows = new ArrayList<>(Collections.nCopies(3, new LabeledText("the same", "a")));
        for (int i = 0; i < 4; i++) {
            rows.add(new LabeledText("other " + i, "b"));
        }
        for (int seed = 0; seed < 5; seed++) {
            for (List<Row> part : Folds.of(rows, 2, seed, true).parts()) {
                assertEquals(2, Folds.labelCounts(part).get("b"), part.toString());
            }
        }
    }

    /** What comes behind a text that is there four times goes into the other fold, until that has as many rows. */
    @Test
    void foldsHaveAboutAsManyRowsAndNotTexts() {
        List<Row> rows = new ArrayList<>(Collections.nCopies(4, new LabeledText("the same", "a")));
        for (int i = 0; i < 4; i++) {
            rows.add(new LabeledText("other " + i, "a"));
        }
        int even = 0;
        for (int seed = 0; seed < 20; seed++) {
            even += Folds.of(rows, 2, seed, true).largest() == 4 ? 1 : 0;
        }
        assertTrue(even > 0, "never four and four");
    }

    @Test
    void rowsWithOneTextAreInOneFoldWhateverTheirLabels() {
        List<Row> rows = classes();
        for (int i = 0; i < 20; i++) {
            rows.add(new LabeledText("many " + i, i % 2 == 0 ? "some" : "many"));
        }
        Folds folds = Folds.of(rows, 5, 0, true);
        Set<String> seen = new HashSet<>();
        int sizes = 0;
        for (List<Row> part : folds.parts()) {
            Set<String> texts = part.stream().map(RowText::question).collect(Collectors.toSet());
            assertTrue(Collections.disjoint(seen, texts));
            seen.addAll(texts);
            sizes += part.size();
        }
        assertEquals(110, sizes);
    }

    @Test
    void numbersArePartedByChanceAndEvenly() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 11; i++) {
            rows.add(new LabeledText("text " + i, i + ".5"));
        }
        Folds folds = Folds.of(rows, 3, 0, false);
        assertEquals(
                List.of(3, 4, 4),
                folds.parts().stream().map(List::size).sorted().toList());
        assertNotEquals(sets(folds), sets(Folds.of(rows, 3, 1, false)));
    }

    @Test
    void labelsAreCountedByDifferentTexts() {
        List<Row> rows = List.of(
                new MultiLabelText("a", List.of("x", "y")),
                new MultiLabelText("b", List.of("x")),
                new LabeledText("e", "z"),
                new LabeledText("e", "z"),
                new TaggedWords(List.of("c", "d"), List.of("y", "y")));
        assertEquals(Map.of("x", 2, "y", 2, "z", 1), Folds.labelCounts(rows));
    }

    @Test
    void tooFewTextsAndTooFewFoldsAreRefused() {
        List<Row> rows = List.of(new PlainText("a"), new PlainText("b"), new PlainText("b"));
        String many = assertThrows(ConfigException.class, () -> Folds.of(rows, 3, 0, false))
                .getMessage();
        assertTrue(many.contains("different texts, 2, got 3"), many);
        assertThrows(ConfigException.class, () -> Folds.of(rows, 1, 0, false));
    }

    /** Each class has a fewest fold of its own, and of equals the smallest fold takes the row. */
    @Test
    void classesOfOneRowDoNotAllGoIntoOneFold() {
        List<Row> rows = IntStream.range(0, 10)
                .<Row>mapToObj(i -> new LabeledText("text " + i, "class " + i))
                .toList();
        Folds folds = Folds.of(rows, 5, 3, true);
        for (int fold = 0; fold < 5; fold++) {
            assertEquals(2, folds.heldOut(fold).size());
        }
    }
}
