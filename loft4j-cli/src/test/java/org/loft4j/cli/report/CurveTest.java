package org.loft4j.cli.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class CurveTest {
    @Test
    void smoothingStartsAtTheFirstValueAndFollows() {
        Curve curve = new Curve();
        curve.add(1, 2);
        curve.add(2, Double.NaN);
        curve.add(3, 4);
        Curve smooth = curve.smoothed(2);
        assertEquals(List.of(1.0, 3.0), smooth.x());
        assertEquals(2, smooth.y().get(0), 1e-12);
        // (1/4 · 2 + 1/2 · 4) / (1/4 + 1/2)
        assertEquals(10.0 / 3, smooth.y().get(1), 1e-12);
        assertEquals(curve.y(), curve.smoothed(1).y());
    }

    /** So that a walk over the points takes as long as there are points, and no longer. */
    @Test
    void pointsAreLookedAtAndNotCopied() {
        Curve curve = new Curve();
        List<Double> x = curve.x();
        List<Double> y = curve.y();
        curve.add(1, 2);
        assertEquals(List.of(1.0), x);
        assertEquals(List.of(2.0), y);
        assertThrows(UnsupportedOperationException.class, () -> x.add(3.0));
        assertThrows(UnsupportedOperationException.class, () -> y.set(0, 3.0));
    }

    @Test
    void errorsAreThereOnlyWhereAPointHasOne() {
        Curve curve = new Curve();
        curve.add(1, 2);
        assertNull(curve.errors());
        curve.add(2, 3, 0.5);
        assertEquals(List.of(0.0, 0.5), curve.errors());
    }
}
