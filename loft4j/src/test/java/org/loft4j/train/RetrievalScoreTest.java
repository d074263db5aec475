package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.data.MatchDataset;

class RetrievalScoreTest {
    private static double[] at(double degrees) {
        return new double[] {3 * Math.cos(Math.toRadians(degrees)), 3 * Math.sin(Math.toRadians(degrees))};
    }

    private static MatchDataset rows() {
        return TinyMatches.of(List.of(
                // texts 0 and 1; 2 is the same anchor, 3 another positive of it
                List.of(new int[] {5}, new int[] {6}),
                List.of(new int[] {5}, new int[] {7}),
                // 4, 5, with the negative 6
                List.of(new int[] {8}, new int[] {9}, new int[] {10}),
                // 7, 8: its positive is the anchor of the first
                List.of(new int[] {11}, new int[] {5})));
    }

    @Test
    void anAnchorFindsTheNearestOfItsOwn() {
        TextMatches matches = TextMatches.of(List.of(rows().matches()));
        double[][] vectors = new double[9][];
        vectors[0] = at(0);
        vectors[1] = at(50);
        vectors[3] = at(10);
        vectors[4] = at(90);
        vectors[5] = at(120);
        vectors[6] = at(91);
        vectors[7] = at(-1);
        RetrievalScore score = RetrievalScore.of(matches, vectors);
        // the first finds 3 before all others, itself left out; 4 finds 6 and then 5, which is second; 7 finds 0
        assertEquals((1 + 0 + 1) / 3.0, score.accuracyAt1(), 1e-12);
        assertEquals((1 + 0.5 + 1) / 3, score.mrrAt10(), 1e-12);
        assertEquals(1, score.recallAt10(), 1e-12);
    }

    @Test
    void vectorsThatAreAllAlikeFindNothingAtOnce() {
        double[][] vectors = new double[9][];
        for (int i = 0; i < 9; i++) {
            vectors[i] = at(30);
        }
        RetrievalScore score = RetrievalScore.of(TextMatches.of(List.of(rows().matches())), vectors);
        assertEquals(0, score.accuracyAt1());
        for (int i = 0; i < 9; i++) {
            vectors[i] = new double[] {Double.NaN, 1};
        }
        assertEquals(
                0,
                RetrievalScore.of(TextMatches.of(List.of(rows().matches())), vectors)
                        .accuracyAt1());
    }
}
