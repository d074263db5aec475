package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.data.MatchDataset;
import org.loft4j.nn.MatchLoss;

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

    private static RetrievalScore score(TextMatches matches, double[][] vectors) {
        return Objects.requireNonNull(RetrievalScore.of(matches, vectors, vectors, new MatchLoss(3), () -> false));
    }

    private static double scored(double angle) {
        return Math.exp(3 * Math.cos(Math.toRadians(angle)));
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
        RetrievalScore score = score(matches, vectors);
        // the first finds 3 before all others, itself left out; 4 finds 6 and then 5, which is second; 7 finds 0
        assertEquals((1 + 0 + 1) / 3.0, score.accuracyAt1(), 1e-12);
        assertEquals((1 + 0.5 + 1) / 3, score.mrrAt10(), 1e-12);
        assertEquals(1, score.recallAt10(), 1e-12);
        // 0 at 0° has 1 and 3 at 50° and 10°, and neither itself nor the other; 5 and 6 at 120° and 91° are wrong for
        // it
        double wrong = scored(120) + scored(91);
        double first = -Math.log(scored(50) / (scored(50) + wrong)) - Math.log(scored(10) / (scored(10) + wrong));
        double second = -Math.log(scored(30) / (scored(30) + scored(90) + scored(40) + scored(80) + scored(1)));
        double third = -Math.log(scored(1) / (scored(1) + scored(51) + scored(11) + scored(121) + scored(92)));
        assertEquals((first + second + third) / 4, score.loss(), 1e-12);
        assertNull(RetrievalScore.of(matches, vectors, vectors, new MatchLoss(3), () -> true));
    }

    /** At a large scale the exponential of any cosine below 1 is 0; what is left of the loss grows with the scale. */
    @Test
    void theLossIsFiniteAtAnyScale() {
        double[][] vectors = new double[9][];
        double[] angles = {0, 100, 0, 110, 200, 300, 205, 150, 250};
        for (int i = 0; i < 9; i++) {
            vectors[i] = at(angles[i]);
        }
        TextMatches matches = TextMatches.of(List.of(rows().matches()));
        double[] losses = new double[3];
        double[] scales = {200, 1e4, 1e6};
        for (int i = 0; i < 3; i++) {
            losses[i] = Objects.requireNonNull(
                            RetrievalScore.of(matches, vectors, vectors, new MatchLoss(scales[i]), () -> false))
                    .loss();
        }
        assertTrue(losses[0] > 1, "loss " + losses[0]);
        assertEquals(losses[0] / scales[0], losses[1] / scales[1], 1e-2);
        assertEquals(losses[1] / scales[1], losses[2] / scales[2], 1e-3);
    }

    @Test
    void vectorsThatAreAllAlikeFindNothingAtOnce() {
        double[][] vectors = new double[9][];
        for (int i = 0; i < 9; i++) {
            vectors[i] = at(30);
        }
        RetrievalScore score = score(TextMatches.of(List.of(rows().matches())), vectors);
        assertEquals(0, score.accuracyAt1());
        for (int i = 0; i < 9; i++) {
            vectors[i] = new double[] {Double.NaN, 1};
        }
        assertEquals(
                0, score(TextMatches.of(List.of(rows().matches())), vectors).accuracyAt1());
    }

    /** Its right texts take places of each other: of twelve two are beyond the tenth. */
    @Test
    void anAnchorOfMoreThanTenTextsDoesNotFindThemAll() {
        MatchDataset twelve = TinyMatches.of(IntStream.range(0, 12)
                .mapToObj(i -> List.of(new int[] {5}, new int[] {20 + i}))
                .toList());
        TextMatches matches = TextMatches.of(List.of(twelve.matches()));
        double[][] vectors =
                IntStream.range(0, 24).mapToObj(i -> at(i % 2 == 0 ? 0 : i)).toArray(double[][]::new);
        RetrievalScore score = score(matches, vectors);
        assertEquals(10.0 / 12, score.recallAt10(), 1e-12);
        assertEquals(1, score.accuracyAt1(), 0);
        assertEquals(1, score.mrrAt10(), 0);
    }
}
