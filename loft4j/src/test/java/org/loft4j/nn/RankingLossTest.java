package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.ShapeException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The loss of texts to rank. */
class RankingLossTest {
    private static final int[] GROUPS = {2, 4, 3, 2};
    private static final int ROWS = 11;

    @Test
    void theLossAndItsGradientAreThoseOfThePlainFormula() {
        long seed = Long.getLong("tests.seed", 23L);
        System.out.println("RankingLossTest seed " + seed);
        double[] z = new Random(seed).doubles(ROWS, -4, 4).toArray();
        double expected = 0;
        double[] gradient = new double[ROWS];
        int start = 0;
        for (int size : GROUPS) {
            double all = 0;
            for (int i = start; i < start + size; i++) {
                all += Math.exp(z[i]);
            }
            expected -= Math.log(Math.exp(z[start]) / all);
            for (int i = start; i < start + size; i++) {
                gradient[i] = Math.exp(z[i]) / all - (i == start ? 1 : 0);
            }
            start += size;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(z, ROWS, 1);
            logits.set_requires_grad(true);
            Tensor sum = Losses.rankingSum(logits, GROUPS);
            sum.backward();
            assertEquals(expected, sum.item_double(), 1e-13 * expected, "seed " + seed);
            assertArrayEquals(gradient, Tensors.toDoubles(logits.grad()), 1e-14, "seed " + seed);
        }
    }

    @Test
    void ofTwoTextsItIsThatOfBradleyAndTerry() {
        try (NativeScope scope = new NativeScope()) {
            double loss = Losses.rankingSum(Tensors.of(new double[] {1.5, -0.25}, 2, 1), new int[] {2})
                    .item_double();
            assertEquals(-Math.log(1 / (1 + Math.exp(-1.75))), loss, 1e-15);
        }
    }

    @Test
    void groupsOfOtherRowsAreRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(new double[3], 3, 1);
            ShapeException fault =
                    assertThrows(ShapeException.class, () -> Losses.rankingSum(logits, new int[] {2, 2}));
            assertEquals("groups of 4 texts need as many logits, got 3", fault.getMessage());
        }
    }
}
