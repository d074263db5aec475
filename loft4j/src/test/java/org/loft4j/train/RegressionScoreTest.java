package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class RegressionScoreTest {
    private static final double[] EXPECTED = {0.0, 1.5, 3.8, 5.0, 2.2, 3.8, 4.4, 0.5};
    private static final double[] TOLD = {0.3, 1.1, 4.1, 4.0, 2.9, 2.9, 4.0, -0.25};

    private static RegressionScore of(double[] expected, double[] told) {
        RegressionScore score = new RegressionScore();
        score.add(expected, told);
        return score;
    }

    /** By pearsonr and spearmanr of SciPy 1.17; both sides have equal numbers, whose ranks are shared. */
    @Test
    void correlationsAreThoseOfSciPy() {
        RegressionScore score = of(EXPECTED, TOLD);
        assertEquals(0.9412085640279954, score.pearson(), 1e-14);
        assertEquals(0.8545611491092097, score.spearman(), 1e-14);
        assertEquals(0.4203125, score.mse(), 1e-14);
        assertEquals(8, score.count());
    }

    /** The rank of a number that is there twice is the same on both sides of zero's sign. */
    @Test
    void zeroIsOneNumberWhateverItsSign() {
        double[] others = {1, 2, 3, 4};
        assertEquals(
                of(others, new double[] {1, 0, 0, -1}).spearman(),
                of(others, new double[] {1, 0.0, -0.0, -1}).spearman(),
                0);
        assertTrue(Double.isNaN(of(others, new double[] {0, -0.0, 0, 0}).spearman()));
    }

    @Test
    void batchesAddUp() {
        RegressionScore score = new RegressionScore();
        for (int i = 0; i < EXPECTED.length; i++) {
            score.add(new double[] {EXPECTED[i]}, new double[] {TOLD[i]});
        }
        assertEquals(of(EXPECTED, TOLD).pearson(), score.pearson(), 0);
        assertEquals(of(EXPECTED, TOLD).spearman(), score.spearman(), 0);
        assertEquals(of(EXPECTED, TOLD).mse(), score.mse(), 0);
    }

    @Test
    void whatIsOneNumberThroughoutIsCorrelatedWithNothing() {
        double[] same = {0.1, 0.1, 0.1};
        double[] others = {1, 2, 3};
        assertTrue(Double.isNaN(of(others, same).pearson())
                && Double.isNaN(of(others, same).spearman()));
        assertTrue(Double.isNaN(of(same, others).pearson())
                && Double.isNaN(of(same, others).spearman()));
        assertTrue(Double.isNaN(of(new double[] {1}, new double[] {1}).pearson()));
        assertEquals(1, of(others, new double[] {-1, 0, 7}).spearman(), 1e-15);
        assertEquals(-1, of(others, new double[] {3, 2, 1}).pearson(), 1e-15);
    }

    @Test
    void aNumberThatIsNoneLeavesNoScore() {
        RegressionScore score = of(new double[] {1, 2, 3}, new double[] {1, Double.NaN, 3});
        assertTrue(Double.isNaN(score.pearson()) && Double.isNaN(score.spearman()) && Double.isNaN(score.mse()));
    }
}
