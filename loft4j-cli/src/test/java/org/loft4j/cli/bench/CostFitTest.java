package org.loft4j.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.bench.CostFit.Point;

class CostFitTest {
    private static final List<String> PARTS = List.of("product", "element", "call");

    /** Quantities as unlike as operations and calls. */
    private static List<Point> points(double product, double element, double call) {
        List<Point> points = new ArrayList<>();
        for (double size : new double[] {512, 1024, 4096, 8192}) {
            for (double rank : new double[] {4, 16, 64}) {
                double[] quantities = {size * size * rank * rank, size * size, 1};
                points.add(new Point(
                        quantities, product * quantities[0] + element * quantities[1] + call * quantities[2]));
            }
        }
        return points;
    }

    @Test
    void pricesThatWerePaidAreFound() {
        CostFit fit = CostFit.of(PARTS, points(1e-11, 3e-10, 2e-4));
        assertEquals(1e-11, fit.prices().get("product"), 1e-18);
        assertEquals(3e-10, fit.prices().get("element"), 1e-17);
        assertEquals(2e-4, fit.prices().get("call"), 1e-11);
        assertTrue(fit.largestDeviation() < 1e-6);
        assertEquals(1e-11 * 7 + 3e-10 * 5 + 2e-4 * 3, fit.seconds(7, 5, 3), 1e-11);
    }

    /** Least squares alone would pay a part back. */
    @Test
    void noPriceIsBelowZero() {
        CostFit fit = CostFit.of(PARTS, points(1e-11, 3e-10, -1e-5));
        assertEquals(0, fit.prices().get("call"));
        assertEquals(1e-11, fit.prices().get("product"), 1e-12);
        assertTrue(fit.largestDeviation() > 1e-3);
    }

    @Test
    void asManyPricesAsPointsTellNothing() {
        List<Point> points = points(1, 1, 1).subList(0, 3);
        assertThrows(IllegalArgumentException.class, () -> CostFit.of(PARTS, points));
    }

    /** One quantity that took 1 s, 1 s and 2 s. */
    @Test
    void theLargestDeviationIsInPartsOfWhatWasMeasured() {
        CostFit fit = CostFit.of(
                List.of("call"),
                List.of(
                        new Point(new double[] {1}, 1),
                        new Point(new double[] {1}, 1),
                        new Point(new double[] {1}, 2)));
        // least squares of p − 1, p − 1 and p/2 − 1: p = 2.5 / 2.25
        assertEquals(10 / 9.0, fit.seconds(1), 1e-12);
        assertEquals(4 / 9.0, fit.largestDeviation(), 1e-12);
    }
}
