package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.MatchLoss;

/** Scores at the places where one more row, one more class or an equal number decides. */
class ScoreEdgesTest {
    /** As scikit-learn has it: the mean is over the classes that occur or are predicted. */
    @Test
    void aClassThatIsOnlyPredictedLowersTheMeanOfF1() {
        ConfusionMatrix confusion = new ConfusionMatrix(4);
        confusion.add(0, 0);
        confusion.add(0, 2);
        confusion.add(1, 1);
        assertEquals((2 / 3.0 + 1 + 0) / 3, confusion.macroF1(), 1e-12);
    }

    /** One anchor and its positive, with so many wrong texts nearer to the anchor, and two farther. */
    private static RetrievalScore behind(int nearer) {
        List<int[]> texts = new ArrayList<>();
        List<double[]> vectors = new ArrayList<>();
        for (int i = 0; i < nearer + 4; i++) {
            texts.add(new int[] {5 + i});
            double degrees = i == 0 ? 0 : i == 1 ? 60 : i < nearer + 2 ? i : 60 + i;
            vectors.add(new double[] {Math.cos(Math.toRadians(degrees)), Math.sin(Math.toRadians(degrees))});
        }
        TextMatches matches =
                TextMatches.of(List.of(TinyMatches.of(List.of(texts)).matches()));
        double[][] all = vectors.toArray(double[][]::new);
        return Objects.requireNonNull(RetrievalScore.of(matches, all, all, new MatchLoss(3), () -> false));
    }

    @Test
    void theTenthPlaceCountsAndTheEleventhDoesNot() {
        RetrievalScore tenth = behind(9);
        assertEquals(0.1, tenth.mrrAt10(), 1e-12);
        assertEquals(1, tenth.recallAt10());
        RetrievalScore eleventh = behind(10);
        assertEquals(0, eleventh.mrrAt10());
        assertEquals(0, eleventh.recallAt10());
        assertEquals(0, eleventh.accuracyAt1());
    }

    /** A model that has learnt nothing gives both answers the reward 0. */
    @Test
    void answersThatAreLikedAlikeAreNotToldApart() {
        PreferenceScore score = new PreferenceScore();
        score.add(new double[] {0, 0, 1, 0.5, -1, 2});
        assertEquals(1 / 3.0, score.accuracy(), 1e-12);
        assertEquals(-2.5 / 3, score.margin(), 1e-12);
    }

    @Test
    void aNumberThatIsNoneLeavesNoAreaOnEitherSide() {
        for (int none = 0; none < 4; none++) {
            RocAuc curve = new RocAuc(1);
            double[] scores = {0.1, 0.4, 0.35, 0.8};
            curve.add(new long[] {0, 0, 1, 1}, scores);
            assertEquals(0.75, curve.micro(), 1e-12);
            scores[none] = Double.NaN;
            assertTrue(Double.isNaN(curve.micro()), "row " + none);
        }
    }
}
