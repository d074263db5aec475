package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Tensors;

/** Random matrices for a transcription in arrays and the code under test alike. */
final class Matrices {
    private Matrices() {}

    static double[][] gaussian(Random random, int rows, int columns) {
        double[][] x = new double[rows][columns];
        for (double[] row : x) {
            for (int j = 0; j < columns; j++) {
                row[j] = random.nextGaussian();
            }
        }
        return x;
    }

    static Tensor tensor(double[][] x) {
        double[] flat = new double[x.length * x[0].length];
        for (int i = 0; i < x.length; i++) {
            System.arraycopy(x[i], 0, flat, i * x[0].length, x[0].length);
        }
        return Tensors.of(flat, x.length, x[0].length);
    }

    static Tensor leaf(double[][] x) {
        Tensor leaf = tensor(x);
        leaf.set_requires_grad(true);
        return leaf;
    }

    /** Relative Frobenius distance at most 1e-9. */
    static void assertClose(double[][] expected, Tensor actual, String what) {
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
}
