package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class ConfusionMatrixTest {
    private static final double ROUNDING = 1e-12;

    private static ConfusionMatrix of(int classes, int[]... expectedAndPredicted) {
        ConfusionMatrix confusion = new ConfusionMatrix(classes);
        for (int[] pair : expectedAndPredicted) {
            confusion.add(pair[0], pair[1]);
        }
        return confusion;
    }

    /** TP 3, FN 1, FP 2, TN 4 for class 1. */
    private static ConfusionMatrix binary() {
        return of(2, new int[][] {{1, 1}, {1, 1}, {1, 1}, {1, 0}, {0, 1}, {0, 1}, {0, 0}, {0, 0}, {0, 0}, {0, 0}});
    }

    @Test
    void scoresOfTwoClassesAreThoseOfTheTextbook() {
        ConfusionMatrix confusion = binary();
        assertEquals(10, confusion.total());
        assertEquals(0.7, confusion.accuracy(), ROUNDING);
        assertEquals(2 * 3 / (2.0 * 3 + 2 + 1), confusion.f1(1), ROUNDING);
        assertEquals(2 * 4 / (2.0 * 4 + 1 + 2), confusion.f1(0), ROUNDING);
        assertEquals((6 / 9.0 + 8 / 11.0) / 2, confusion.macroF1(), ROUNDING);
        // (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))
        assertEquals((3 * 4 - 2 * 1) / Math.sqrt(5.0 * 4 * 6 * 5), confusion.matthews(), ROUNDING);
    }

    @Test
    void threeClassesByHand() {
        // rows: expected 0 → (2, 1, 0), 1 → (0, 2, 1), 2 → (1, 0, 3)
        ConfusionMatrix confusion =
                of(3, new int[][] {{0, 0}, {0, 0}, {0, 1}, {1, 1}, {1, 1}, {1, 2}, {2, 0}, {2, 2}, {2, 2}, {2, 2}});
        assertEquals(0.7, confusion.accuracy(), ROUNDING);
        assertEquals((4 / 6.0 + 4 / 6.0 + 6 / 8.0) / 3, confusion.macroF1(), ROUNDING);
        // s = 10, c = 7, t = (3, 3, 4), p = (3, 3, 4): (70 − 34) / (100 − 34)
        assertEquals(36 / 66.0, confusion.matthews(), ROUNDING);
    }

    @Test
    void allRightIsOneAndAllWrongOfTwoClassesIsMinusOne() {
        ConfusionMatrix right = of(2, new int[][] {{0, 0}, {1, 1}, {1, 1}});
        assertEquals(1, right.accuracy());
        assertEquals(1, right.macroF1());
        assertEquals(1, right.matthews(), ROUNDING);
        ConfusionMatrix wrong = of(2, new int[][] {{0, 1}, {1, 0}, {1, 0}});
        assertEquals(0, wrong.accuracy());
        assertEquals(0, wrong.macroF1());
        assertEquals(-1, wrong.matthews(), ROUNDING);
    }

    @Test
    void predictingOneClassOnlyHasNoCorrelation() {
        ConfusionMatrix confusion = of(2, new int[][] {{0, 0}, {0, 0}, {0, 0}, {1, 0}});
        assertEquals(0.75, confusion.accuracy(), ROUNDING);
        assertEquals(6 / 7.0 / 2, confusion.macroF1(), ROUNDING);
        assertEquals(0, confusion.matthews());
    }

    @Test
    void aClassThatNeitherOccursNorIsPredictedDoesNotLowerTheMean() {
        ConfusionMatrix confusion = of(3, new int[][] {{0, 0}, {1, 1}});
        assertEquals(1, confusion.macroF1());
    }

    @Test
    void nothingSeenScoresZero() {
        ConfusionMatrix confusion = new ConfusionMatrix(2);
        assertEquals(0, confusion.accuracy());
        assertEquals(0, confusion.macroF1());
        assertEquals(0, confusion.matthews());
    }

    @Test
    void manyExamplesDoNotOverflowTheCorrelation() {
        ConfusionMatrix confusion = new ConfusionMatrix(2);
        for (int i = 0; i < 400_000; i++) {
            confusion.add(i & 1, i % 10 == 0 ? 1 - (i & 1) : i & 1);
        }
        // every tenth is wrong, and all of those are of class 0: TP 200000, FN 0, FP 40000, TN 160000
        double expected = 200e3 * 160e3 / Math.sqrt(240e3 * 200e3 * 200e3 * 160e3);
        assertEquals(expected, confusion.matthews(), 1e-9);
    }

    @Test
    void noClassIsRefused() {
        assertThrows(ConfigException.class, () -> new ConfusionMatrix(0));
    }

    @Test
    void aClassifierThatHasLearntNothingPredictsOneClass() {
        assertFalse(binary().predictsOneClass());
        assertTrue(of(3, new int[][] {{0, 2}, {1, 2}, {2, 2}}).predictsOneClass());
        assertFalse(new ConfusionMatrix(2).predictsOneClass());
        // of one row, or rows of one class, it says nothing
        assertFalse(of(3, new int[][] {{2, 2}, {2, 2}}).predictsOneClass());
    }
}
