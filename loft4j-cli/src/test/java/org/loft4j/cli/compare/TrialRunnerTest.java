package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.NotFiniteException;

class TrialRunnerTest {
    /** A row of a table says that a method failed where its numbers did, not where the program did. */
    @Test
    void onlyNumbersThatHaveGoneBadAreTheMethodsOwnFailure() {
        assertTrue(TrialRunner.isOfTheNumbers(new NotFiniteException("the loss is not finite")));
        assertTrue(TrialRunner.isOfTheNumbers(new RuntimeException("linalg.svd: the algorithm did not converge")));
        assertFalse(TrialRunner.isOfTheNumbers(new IllegalStateException("the model was closed")));
        assertFalse(TrialRunner.isOfTheNumbers(new IllegalArgumentException("linalg")));
        assertFalse(TrialRunner.isOfTheNumbers(new RuntimeException("not enough memory: linalg.inv")));
    }
}
