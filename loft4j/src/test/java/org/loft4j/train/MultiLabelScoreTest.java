package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.Threshold;

class MultiLabelScoreTest {
    /**
     * By hand, four texts and three labels: label 0 has TP 2, FP 1, FN 0; label 1 TP 1, FP 0, FN 1; label 2 neither occurs nor is told.
     * Scikit-learn's {@code f1_score(…, average="micro")}, {@code "macro"} and {@code accuracy_score} of these are 3/4, (4/5 + 2/3)/3
     * and 1/2.
     */
    @Test
    void theScoresAreThoseOfScikitLearn() {
        MultiLabelScore score = new MultiLabelScore(3, Threshold.HALF);
        score.add(new long[] {1, 0, 0, 1, 1, 0}, new double[] {2, -1, -3, 0.5, -0.5, -3});
        score.add(new long[] {0, 1, 0, 0, 0, 0}, new double[] {1, 1, -3, -2, -2, -4});
        assertEquals(4, score.count());
        assertEquals(0.5, score.accuracy(), 0, "the first text and the last, which has no label");
        assertEquals(2 * 3.0 / (2 * 3 + 2), score.microF1(), 1e-15);
        assertEquals((4.0 / 5 + 2.0 / 3 + 0) / 3, score.macroF1(), 1e-15);
        ConfusionMatrix first = score.labels().get(0);
        assertEquals(2.0 / 3, first.precision(1), 1e-15);
        assertEquals(1, first.recall(1), 0);
        assertEquals(2, first.support(1));
        assertEquals(0.5, score.labels().get(1).recall(1), 0);
        assertEquals(0, score.labels().get(2).support(1));
    }

    /** With p = 1/4 a label is told above a logit of log(1/3) = -1.0986. */
    @Test
    void aThresholdMovesWhatIsToldAndNotTheAreas() {
        MultiLabelScore half = new MultiLabelScore(2, Threshold.HALF);
        MultiLabelScore quarter = new MultiLabelScore(2, new Threshold(0.25));
        for (MultiLabelScore score : List.of(half, quarter)) {
            score.add(new long[] {1, 0, 0, 1}, new double[] {-1, -1.1, 0.5, -1.09});
        }
        assertEquals(0, half.microF1(), 0);
        assertEquals(2 * 2.0 / (2 * 2 + 1), quarter.microF1(), 1e-15);
        assertEquals(0.5, quarter.accuracy(), 0);
        assertEquals(half.macroRocAuc(), quarter.macroRocAuc(), 0);
    }

    @Test
    void nothingToldOfNothingIsZeroAndNoFault() {
        MultiLabelScore score = new MultiLabelScore(2, Threshold.HALF);
        assertEquals(0, score.accuracy(), 0);
        score.add(new long[] {0, 0}, new double[] {-1, 0});
        assertEquals(1, score.accuracy(), 0);
        assertEquals(0, score.microF1(), 0);
        assertEquals(0, score.macroF1(), 0);
        assertTrue(Double.isNaN(score.microRocAuc()) && Double.isNaN(score.macroRocAuc()), "there is no pair to order");
    }

    @Test
    void asManyRightAsWrongAreTwoThirds() {
        MultiLabelScore score = new MultiLabelScore(2, Threshold.HALF);
        score.add(new long[] {1, 0}, new double[] {1, 1});
        assertEquals(2.0 / 3, score.microF1(), 1e-15);
    }

    /** By pairs: label 0 orders three of four, label 1 four of four; of all 4 that are had and 8 that are not 29 of 32 pairs, and one is a tie. */
    @Test
    void areasAreSharesOfPairsInOrder() {
        MultiLabelScore score = new MultiLabelScore(3, Threshold.HALF);
        score.add(new long[] {1, 0, 0, 1, 1, 0}, new double[] {2, -1, -3, 0.5, -0.5, -3});
        score.add(new long[] {0, 1, 0, 0, 0, 0}, new double[] {1, 1, -3, -2, -2, -4});
        assertEquals((0.75 + 1) / 2, score.macroRocAuc(), 1e-15);
        assertEquals(29.5 / 32, score.microRocAuc(), 1e-15);
    }
}
