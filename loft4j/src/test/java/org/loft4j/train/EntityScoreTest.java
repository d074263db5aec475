package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class EntityScoreTest {
    private static final List<String> LABELS = List.of("O", "B-PER", "I-PER", "B-LOC", "I-LOC");

    @Test
    void anEntityCountsWhenItsWordsAndItsKindAreRight() {
        EntityScore score = new EntityScore(LABELS);
        // wanted: PER 0-2, LOC 3-4, PER 4-5; found: PER 0-2, LOC 3-5
        score.add(tags("B-PER I-PER O B-LOC B-PER"), tags("B-PER I-PER O B-LOC I-LOC"));
        assertEquals(1 / 2.0, score.precision(), 1e-15);
        assertEquals(1 / 3.0, score.recall(), 1e-15);
        assertEquals(2 * 0.5 / 3 / (0.5 + 1 / 3.0), score.f1(), 1e-15);
    }

    @Test
    void anInsideTagThatFollowsNothingOfItsKindBeginsAnEntity() {
        EntityScore score = new EntityScore(LABELS);
        score.add(tags("B-PER B-LOC"), tags("I-PER I-LOC"));
        assertEquals(1, score.f1(), 0);
    }

    @Test
    void nothingFoundIsZeroAndNotNaN() {
        EntityScore score = new EntityScore(LABELS);
        score.add(tags("O O"), tags("O O"));
        assertEquals(0, score.precision() + score.recall() + score.f1(), 0);
    }

    /** Expected entities as seqeval's default mode finds them, by its rules for where a chunk ends and begins. */
    @Test
    void ofIobesAnEntityEndsWithItsLastWord() {
        List<String> labels = List.of("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC");
        assertTrue(EntityScore.fits(labels));
        String[][] same = {
            {"B-PER I-PER E-PER S-PER", "B-PER I-PER I-PER B-PER"},
            {"S-PER S-PER O S-LOC", "B-PER B-PER O B-LOC"},
            // an end or an inside that nothing leads up to begins an entity
            {"E-PER E-PER O I-LOC E-LOC", "B-PER B-PER O B-LOC I-LOC"},
            {"S-PER I-PER E-PER", "B-PER B-PER I-PER"},
            {"B-PER E-LOC I-LOC", "B-PER B-LOC B-LOC"}
        };
        for (String[] pair : same) {
            EntityScore score = new EntityScore(labels);
            score.add(tags(labels, pair[1]), tags(labels, pair[0]));
            assertEquals(1, score.f1(), 0, pair[0]);
        }
    }

    /** IOB1, in which a B- stands only between two entities of a kind, and camembert-ner's tags have none: two of four are found. */
    @Test
    void withoutBeginningsARunOfInsidesIsAnEntity() {
        List<String> labels = List.of("O", "I-LOC", "I-PER");
        assertTrue(EntityScore.fits(labels));
        EntityScore score = new EntityScore(labels);
        score.add(tags(labels, "I-PER I-PER I-LOC O I-LOC"), tags(labels, "I-PER I-PER I-LOC O O"));
        score.add(tags(labels, "O I-PER"), tags(labels, "I-PER I-PER"));
        assertEquals(2.0 / 3, score.precision(), 1e-15);
        assertEquals(2.0 / 4, score.recall(), 1e-15);
    }

    @Test
    void otherLabelsAreNoEntities() {
        assertTrue(EntityScore.fits(LABELS));
        assertFalse(EntityScore.fits(List.of("NOUN", "VERB")));
        assertFalse(EntityScore.fits(List.of("B-PER", "I-PER")));
        assertFalse(EntityScore.fits(List.of("O", "B-PER", "L-PER", "U-PER")), "BILOU");
        assertFalse(EntityScore.fits(List.of("O")), "no kind of entity");
    }

    private static List<Integer> tags(String text) {
        return tags(LABELS, text);
    }

    private static List<Integer> tags(List<String> labels, String text) {
        return Arrays.stream(text.split(" ")).map(labels::indexOf).toList();
    }
}
