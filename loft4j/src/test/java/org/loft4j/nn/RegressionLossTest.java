package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class RegressionLossTest {
    private static final int ROWS = 7;

    /** Against a plain transcription in float64: {@code L = 1/n Σ (z − y)²} and {@code ∂L/∂z = 2/n (z − y)}. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F64", "F32", "BF16", "F16"})
    void theLossOfARegressionAndItsGradientAreThoseOfATranscription(Dtype dtype) {
        long seed = Long.getLong("tests.seed", 20261128L);
        Random random = new Random(seed);
        float[] scores = new float[ROWS];
        float[] given = new float[ROWS];
        for (int i = 0; i < ROWS; i++) {
            scores[i] = 5 * random.nextFloat();
            given[i] = (float) (3 * random.nextGaussian());
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(given, ROWS, 1).to(dtype.scalarType()).detach();
            logits.set_requires_grad(true);
            double[] z = Tensors.toDoubles(logits.detach().to(Dtype.F64.scalarType()));
            double sum = 0;
            for (int i = 0; i < ROWS; i++) {
                sum += (z[i] - scores[i]) * (z[i] - scores[i]);
            }
            Tensor labels = Tensors.of(scores, ROWS);
            String of = dtype + ", seed " + seed;
            assertEquals(sum, Losses.regressionSum(logits, labels).item_double(), 1e-5 * sum, of);
            Tensor loss = Losses.regression(logits, labels);
            // in half types too the error is that of float32
            assertEquals(dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32, Dtype.of(loss), of);
            assertEquals(sum / ROWS, loss.item_double(), 1e-6 * sum, of);
            loss.backward();
            double[] gradient = Tensors.toDoubles(logits.grad().to(Dtype.F64.scalarType()));
            double rounding = dtype == Dtype.BF16 ? 1e-2 : dtype == Dtype.F16 ? 1e-3 : 1e-6;
            for (int i = 0; i < ROWS; i++) {
                double expected = 2.0 / ROWS * (z[i] - scores[i]);
                assertEquals(expected, gradient[i], rounding * Math.max(1e-2, Math.abs(expected)), of + ", row " + i);
            }
        }
    }

    @Test
    void aRegressionHasOneOutputAndANumberForEachRow() {
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(new float[] {1, 2, 3, 4}, 2, 2);
            Tensor scores = Tensors.of(new float[] {1, 2}, 2);
            assertThrows(ShapeException.class, () -> Losses.regression(logits, scores));
            assertThrows(
                    ShapeException.class,
                    () -> Losses.regression(logits.flatten().unsqueeze(1), scores));
        }
    }
}
