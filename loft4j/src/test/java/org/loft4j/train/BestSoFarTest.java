package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BestSoFarTest {
    @Test
    void aSmallerLossAndALargerAccuracyAreBetter() {
        BestSoFar loss = BestSoFar.none("loss").after(1, 2.0).after(2, 1.0).after(3, 1.5);
        assertEquals(new BestSoFar("loss", 1.0, 2, 1), loss);
        BestSoFar accuracy =
                BestSoFar.none("accuracy").after(1, 0.5).after(2, 0.7).after(3, 0.6);
        assertEquals(new BestSoFar("accuracy", 0.7, 2, 1), accuracy);
    }

    @Test
    void equalAndNotANumberAreNotBetter() {
        BestSoFar best = BestSoFar.none("loss")
                .after(1, Double.NaN)
                .after(2, 1.0)
                .after(3, 1.0)
                .after(4, Double.NaN);
        assertEquals(2, best.step());
        assertEquals(2, best.evaluationsSince());
    }

    @Test
    void patienceRunsOutAfterSoManyEvaluationsWithoutAnImprovement() {
        BestSoFar best = BestSoFar.none("loss").after(1, 1.0).after(2, 1.1);
        assertFalse(best.exhausted(2));
        assertTrue(best.after(3, 1.2).exhausted(2));
        assertFalse(best.after(3, 0.9).exhausted(2));
        assertFalse(best.after(3, 1.2).exhausted(0));
    }

    /** A saved state has no word for infinity: what it is read back as must not stand in the way of the next score. */
    @Test
    void aScoreThatIsNotFiniteIsNoBest() {
        BestSoFar none = BestSoFar.none("perplexity").after(1, Double.POSITIVE_INFINITY);
        assertEquals(0, none.step());
        assertEquals(new BestSoFar("perplexity", 12, 2, 0), none.after(2, 12));
    }
}
