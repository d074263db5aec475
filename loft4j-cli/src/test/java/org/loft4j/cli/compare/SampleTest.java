package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class SampleTest {
    private static final Sample FIVE = Sample.of(List.of(1.0, 2.0, 3.0, 4.0, 5.0));

    @Test
    void theErrorOfTheMeanIsTheDeviationOverTheRootOfTheCount() {
        assertEquals(Math.sqrt(2.5), FIVE.deviation(), 1e-15);
        assertEquals(Math.sqrt(0.5), FIVE.error(), 1e-15);
        assertTrue(Double.isNaN(Sample.of(List.of(1.0)).error()));
    }

    /** Of five folds: t(0.975; 4) = 2.776445 times √(2.5·(1/5 + 1/4)), the correction of Nadeau and Bengio. */
    @Test
    void runsWithRowsInCommonHaveAWiderInterval() {
        assertEquals(2.776445 * Math.sqrt(0.5), FIVE.halfWidth(), 1e-5);
        assertEquals(2.776445 * Math.sqrt(2.5 * 0.45), FIVE.withOverlap(0.25).halfWidth(), 1e-5);
    }

    /** But for rounding, in which differences of shares of the same rows differ. */
    @Test
    void equalNumbersHaveNoInterval() {
        Sample equal = Sample.of(List.of(0.3 - 0.1, 0.9 - 0.7));
        assertTrue(equal.deviation() > 0);
        assertTrue(equal.isEqual());
        assertTrue(Double.isNaN(equal.halfWidth()));
        assertTrue(Double.isNaN(Sample.of(List.of(3.0, 3.0)).halfWidth()));
        assertFalse(Sample.of(List.of(3.0, 3.001)).isEqual());
        assertFalse(Sample.of(List.of(3.0)).isEqual());
        assertFalse(FIVE.isEqual());
    }
}
