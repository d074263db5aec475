package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LoftParityTest {
    /** Ten steps of random gradients against a plain float64 transcription of the equations. */
    @ParameterizedTest
    @CsvSource({"7, 5, 1, 0, 0", "12, 9, 3, 0.1, 0", "9, 20, 4, 0, 1.5", "300, 40, 2, 0.05, 3", "17, 17, 8, 0.1, 2"})
    void tenStepsFollowTheTranscription(int m, int n, int r, double decay, double maxNorm) {
        long seed = Long.getLong("tests.seed", 20260101L);
        System.out.println("LoftParityTest seed " + seed);
        Random random = new Random(seed);
        double[][] a = gaussian(random, r, n);
        double[][] b = gaussian(random, m, r);
        double scale = 2.0;
        LoftConfig config = LoftConfig.defaults().withWeightDecay(decay);
        LoftTranscription expected = new LoftTranscription(a, b, scale, config);
        try (NativeScope scope = new NativeScope()) {
            Tensor ta = leaf(a);
            Tensor tb = leaf(b);
            LowRankPair pair = new LowRankPair("w", ta, tb, scale);
            try (OptimizerGroups groups = new OptimizerGroups(
                    List.of(new OptimizerGroups.Group("loft", Loft.adamW(List.of(pair), config), 1e-2)))) {
                for (int step = 1; step <= 10; step++) {
                    double[][] g = gaussian(random, m, n);
                    LowRankGradients.backward(pair, tensor(g));
                    StepReport report = groups.step(1, maxNorm);
                    groups.zeroGrad();
                    double norm = expected.step(g, 1e-2, maxNorm);
                    assertEquals(norm, report.gradNorm(), 1e-9 * norm, "clipping norm at step " + step);
                    assertClose(expected.a, ta, "A at step " + step);
                    assertClose(expected.b, tb, "B at step " + step);
                }
            }
        }
    }

    private static void assertClose(double[][] expected, Tensor actual, String what) {
        double[] values = Tensors.toDoubles(actual);
        double difference = 0;
        double norm = 0;
        int at = 0;
        for (double[] row : expected) {
            for (double value : row) {
                difference += Math.pow(value - values[at++], 2);
                norm += value * value;
            }
        }
        double relative = Math.sqrt(difference / norm);
        assertTrue(relative <= 1e-9, what + ": relative difference " + relative);
    }

    private static double[][] gaussian(Random random, int rows, int columns) {
        double[][] x = new double[rows][columns];
        for (double[] row : x) {
            for (int j = 0; j < columns; j++) {
                row[j] = random.nextGaussian();
            }
        }
        return x;
    }

    private static Tensor tensor(double[][] x) {
        double[] flat = new double[x.length * x[0].length];
        for (int i = 0; i < x.length; i++) {
            System.arraycopy(x[i], 0, flat, i * x[0].length, x[0].length);
        }
        return Tensors.of(flat, x.length, x[0].length);
    }

    private static Tensor leaf(double[][] x) {
        Tensor leaf = tensor(x);
        leaf.set_requires_grad(true);
        return leaf;
    }
}
