package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class PaddingTest {
    @Test
    void aMaskOfOnesCostsNothing() {
        try (NativeScope scope = new NativeScope()) {
            Padding padding = padding(1, 1, 1, 1);
            assertTrue(padding.none());
            assertNull(padding.keyBias(Dtype.F32));
            assertNull(padding.causalBias(2, 0, false, false, Dtype.F32));
            assertNull(padding.positions());
            assertNull(padding.weights(Dtype.F32));
        }
    }

    @Test
    void paddingOnTheRightNeedsNoMaskUnderCausalAttention() {
        try (NativeScope scope = new NativeScope()) {
            Padding padding = padding(1, 1, 1, 0);
            assertFalse(padding.none());
            assertNull(padding.causalBias(2, 0, false, false, Dtype.F32));
            assertNull(padding.positions());
            assertNull(padding.firstTokens());
            double[] bias = Tensors.toDoubles(require(padding.keyBias(Dtype.F32)));
            assertArrayEquals(new double[] {0, 0, 0}, java.util.Arrays.copyOf(bias, 3));
            assertTrue(bias[3] < -1e37 && Double.isFinite(bias[3]));
        }
    }

    @Test
    void whatIsFarIsHiddenOnBothSidesAndPaddingToo() {
        try (NativeScope scope = new NativeScope()) {
            assertArrayEquals(
                    new boolean[] {true, true, false, true, true, true, false, true, true},
                    seen(row(1, 1, 1).nearBias(0, 3, 0, 3, new Padding.Near(1, 1), Dtype.F32)));
            assertArrayEquals(
                    new boolean[] {true, false, false, false, true, false, false, false, false},
                    seen(row(1, 1, 0).nearBias(0, 3, 0, 3, new Padding.Near(0, 0), Dtype.F32)));
            assertArrayEquals(
                    new boolean[] {true, true, false, true, true, false},
                    seen(row(1, 1, 1, 1, 0).nearBias(2, 2, 2, 3, new Padding.Near(1, 1), Dtype.F32)));
        }
    }

    private static Padding row(long... mask) {
        Tensor all = Tensors.of(mask, 1, mask.length);
        return Padding.of(new TokenInput(all, all));
    }

    private static boolean[] seen(Tensor bias) {
        double[] values = Tensors.toDoubles(bias);
        boolean[] seen = new boolean[values.length];
        for (int i = 0; i < seen.length; i++) {
            seen[i] = values[i] == 0;
        }
        return seen;
    }

    @Test
    void paddingOnTheLeftMovesPositionsAndHidesItself() {
        try (NativeScope scope = new NativeScope()) {
            Padding padding = padding(1, 1, 0, 1);
            assertArrayEquals(new long[] {0, 1, 0, 0}, Tensors.toLongs(require(padding.positions())));
            assertArrayEquals(new long[] {0, 3}, Tensors.toLongs(require(padding.firstTokens())));
            Tensor bias = require(padding.causalBias(2, 0, false, false, Dtype.F16));
            assertArrayEquals(new long[] {2, 1, 2, 2}, Shapes.of(bias));
            assertArrayEquals(new boolean[] {true, false, true, true, false, false, false, true}, seen(bias));
        }
    }

    @Test
    void aWindowHidesWhatIsTooFarBack() {
        try (NativeScope scope = new NativeScope()) {
            Padding padding = Padding.of(Tensors.of(new long[5], 1, 5), null, 5);
            assertNull(padding.causalBias(5, 5, false, false, Dtype.F32));
            assertArrayEquals(
                    new String[] {"1....", "11...", ".11..", "..11.", "...11"},
                    picture(padding.causalBias(5, 2, false, false, Dtype.F32)));
            assertArrayEquals(new String[] {"...11"}, picture(padding.causalBias(1, 2, false, false, Dtype.F32)));
            assertArrayEquals(
                    new String[] {"1111.", "11111"}, picture(padding.causalBias(2, 0, false, false, Dtype.F32)));
            assertNull(padding.causalBias(1, 0, false, false, Dtype.F32));
            assertArrayEquals(new String[] {"11111"}, picture(padding.causalBias(1, 0, true, false, Dtype.F32)));
        }
    }

    @Test
    void aQueryInThePaddingIsLeftWithAllColumnsOrWithThePaddingBeforeIt() {
        try (NativeScope scope = new NativeScope()) {
            Tensor ids = Tensors.of(new long[3], 1, 3);
            Padding padding = Padding.of(ids, Tensors.of(new long[] {0, 0, 1}, 1, 3), 3);
            double[] all = Tensors.toDoubles(require(padding.causalBias(3, 0, false, false, Dtype.F32)));
            double[] before = Tensors.toDoubles(require(padding.causalBias(3, 0, false, true, Dtype.F32)));
            assertTrue(all[0] == all[1] && all[1] == all[2] && Double.isFinite(all[0]));
            assertTrue(before[3] == before[4] && before[5] == 2 * before[4] && Double.isFinite(before[5]));
            assertTrue(before[8] == 0 && before[7] == all[7]);
        }
    }

    @Test
    void lastTokensAreFoundOnBothSides() {
        try (NativeScope scope = new NativeScope()) {
            assertNull(padding(1, 1, 1, 1).lastTokens());
            assertArrayEquals(
                    new long[] {1, 2},
                    Tensors.toLongs(require(padding(1, 1, 1, 0).lastTokens())));
            assertArrayEquals(
                    new long[] {1, 3},
                    Tensors.toLongs(require(padding(1, 1, 0, 1).lastTokens())));
            assertEquals(2, padding(1, 1, 0, 1).length());
            assertEquals(1, padding(0, 1, 0, 1).length());
        }
    }

    /** A line a query, 1 for what it sees. */
    private static String[] picture(Tensor bias) {
        double[] values = Tensors.toDoubles(require(bias));
        int columns = (int) bias.size(3);
        String[] lines = new String[values.length / columns];
        for (int i = 0; i < lines.length; i++) {
            StringBuilder line = new StringBuilder();
            for (int j = 0; j < columns; j++) {
                line.append(values[i * columns + j] == 0 ? '1' : '.');
            }
            lines[i] = line.toString();
        }
        return lines;
    }

    /** A mask of two rows and two columns. */
    private static Padding padding(long... mask) {
        Tensor ids = Tensors.of(new long[4], 2, 2);
        Padding padding = Padding.of(new TokenInput(ids, Tensors.of(mask, 2, 2)));
        return padding;
    }

    private static Tensor require(Tensor tensor) {
        assertNotNull(tensor);
        return tensor;
    }

    /** GPT-2's: what is behind a query is hidden deeper than the padding before it, as far as the type goes. */
    @Test
    void theFutureBelowThePaddingIsFiniteInEveryType() {
        for (Dtype dtype : new Dtype[] {Dtype.F64, Dtype.F32, Dtype.BF16, Dtype.F16}) {
            try (NativeScope scope = new NativeScope()) {
                double[] values = Tensors.toDoubles(require(padding(0, 1, 1, 1).causalBias(2, 0, false, true, dtype)));
                for (double value : values) {
                    assertTrue(Double.isFinite(value), dtype + ": " + value);
                }
                // the first query is padding itself: the key behind it lies below it
                assertTrue(values[1] < values[0] && values[0] < 0, dtype + ": " + values[0] + ", " + values[1]);
            }
        }
    }
}
