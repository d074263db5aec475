package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LossesTest {
    private static final int ROWS = 6;
    private static final int CLASSES = 5;
    private static final long[] LABELS = {3, -100, 0, 4, -100, 1};

    private interface Loss {
        Tensor of(Tensor logits, Tensor labels, double smoothing);
    }

    /** The smoothed loss of one row in plain doubles; adds its gradient. */
    private static double plain(double[] z, int row, int label, double smoothing, double[] gradient) {
        double[] own = Arrays.copyOfRange(z, row * CLASSES, (row + 1) * CLASSES);
        double all = Arrays.stream(own).map(Math::exp).sum();
        double loss = 0;
        for (int i = 0; i < CLASSES; i++) {
            double p = Math.exp(own[i]) / all;
            double wanted = smoothing / CLASSES + (i == label ? 1 - smoothing : 0);
            loss -= wanted * Math.log(p);
            gradient[row * CLASSES + i] += p - wanted;
        }
        return loss;
    }

    /** @param later how many rows further on the label of a row lies */
    private static void assertIsPlain(Loss loss, double smoothing, long[] rows, int later) {
        long seed = Long.getLong("tests.seed", 11L);
        String said = "seed " + seed + ", smoothing " + smoothing;
        System.out.println("LossesTest " + said);
        double[] z = new Random(seed).doubles(ROWS * CLASSES, -3, 3).toArray();
        double[] gradient = new double[z.length];
        double expected = 0;
        for (int row = 0; row + later < ROWS; row++) {
            int label = (int) LABELS[row + later];
            expected += label < 0 ? 0 : plain(z, row, label, smoothing, gradient);
        }
        try (NativeScope scope = new NativeScope()) {
            long[] shape = Arrays.copyOf(rows, rows.length + 1);
            shape[rows.length] = CLASSES;
            Tensor logits = Tensors.of(z, shape);
            logits.set_requires_grad(true);
            Tensor sum = loss.of(logits, Tensors.of(LABELS, rows), smoothing);
            sum.backward();
            assertEquals(expected, sum.item_double(), 1e-13 * expected, said);
            assertArrayEquals(gradient, Tensors.toDoubles(logits.grad()), 1e-14, said);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.1, 0.9})
    void smoothedLossesAndTheirGradientsAreThoseOfThePlainFormula(double smoothing) {
        assertIsPlain(
                (logits, labels, epsilon) -> Losses.classificationSum(logits, labels, epsilon, null),
                smoothing,
                new long[] {ROWS},
                0);
        assertIsPlain(
                (logits, labels, epsilon) -> Losses.tokenClassificationSum(logits, labels, epsilon, null),
                smoothing,
                new long[] {1, ROWS},
                0);
        assertIsPlain(Losses::causalLmSum, smoothing, new long[] {1, ROWS}, 1);
    }
}
