package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RocAucTest {
    /** The example of scikit-learn's documentation: {@code roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])} is 0.75. */
    @Test
    void theShareOfPairsInTheirOrder() {
        RocAuc curve = new RocAuc(1);
        curve.add(new long[] {0, 0}, new double[] {0.1, 0.4});
        curve.add(new long[] {1, 1}, new double[] {0.35, 0.8});
        assertEquals(0.75, curve.micro(), 0);
        assertEquals(0.75, curve.macro(), 0);
    }

    @Test
    void equalScoresCountHalf() {
        RocAuc curve = new RocAuc(1);
        curve.add(new long[] {0, 1, 1, 0}, new double[] {0.0, -0.0, 1, -1});
        assertEquals((0.5 + 1 + 1 + 1) / 4, curve.micro(), 0);
    }

    /** The trapezoids under the points of the curve, one for each threshold, as scikit-learn sums them. */
    @Test
    void microAndMacroAreTheAreasUnderTheCurves() {
        long seed = Long.getLong("tests.seed", 20261128L);
        SplittableRandom random = new SplittableRandom(seed);
        int rows = 60;
        long[] expected = new long[3 * rows];
        double[] scores = new double[3 * rows];
        RocAuc curve = new RocAuc(3);
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < 3; k++) {
                // the last label is none's: it has no area
                expected[3 * row + k] = k < 2 && random.nextBoolean() ? 1 : 0;
                // few values, so that some are equal
                scores[3 * row + k] = expected[3 * row + k] + random.nextInt(5);
            }
            curve.add(
                    java.util.Arrays.copyOfRange(expected, 3 * row, 3 * row + 3),
                    java.util.Arrays.copyOfRange(scores, 3 * row, 3 * row + 3));
        }
        assertEquals(trapezoids(expected, scores, 0, 1), curve.micro(), 1e-12, "seed " + seed);
        assertEquals(
                (trapezoids(expected, scores, 0, 3) + trapezoids(expected, scores, 1, 3)) / 2,
                curve.macro(),
                1e-12,
                "seed " + seed);
    }

    private static double trapezoids(long[] expected, double[] scores, int first, int every) {
        double area = 0;
        double lastTrue = 0;
        double lastFalse = 0;
        for (int threshold = 5; threshold >= -1; threshold--) {
            double[] above = new double[2];
            double[] all = new double[2];
            for (int i = first; i < scores.length; i += every) {
                all[(int) expected[i]]++;
                above[(int) expected[i]] += scores[i] > threshold ? 1 : 0;
            }
            double truePositive = above[1] / all[1];
            double falsePositive = above[0] / all[0];
            area += (falsePositive - lastFalse) * (truePositive + lastTrue) / 2;
            lastTrue = truePositive;
            lastFalse = falsePositive;
        }
        return area;
    }

    @Test
    void whatHasNoAreaIsNoNumber() {
        RocAuc curve = new RocAuc(1);
        curve.add(new long[] {1, 1}, new double[] {0.1, 0.4});
        assertTrue(Double.isNaN(curve.micro()));
        RocAuc none = new RocAuc(1);
        none.add(new long[] {1, 0}, new double[] {Double.NaN, 0.4});
        assertTrue(Double.isNaN(none.micro()));
    }
}
