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

class MultiLabelLossTest {
    private static final int ROWS = 7;
    private static final int LABELS = 3;

    /**
     * Against a plain transcription in float64: {@code L = −1/(nk) Σ y log σ(z) + (1 − y) log(1 − σ(z))} and {@code ∂L/∂z = (σ(z) −
     * y)/(nk)}.
     */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F64", "F32", "BF16", "F16"})
    void theLossOfSeveralLabelsAndItsGradientAreThoseOfATranscription(Dtype dtype) {
        long seed = Long.getLong("tests.seed", 20261201L);
        Random random = new Random(seed);
        float[] targets = new float[ROWS * LABELS];
        float[] given = new float[ROWS * LABELS];
        for (int i = 0; i < given.length; i++) {
            targets[i] = random.nextInt(2);
            given[i] = (float) (3 * random.nextGaussian());
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor logits =
                    Tensors.of(given, ROWS, LABELS).to(dtype.scalarType()).detach();
            logits.set_requires_grad(true);
            double[] z = Tensors.toDoubles(logits.detach().to(Dtype.F64.scalarType()));
            double sum = 0;
            for (int i = 0; i < z.length; i++) {
                double p = 1 / (1 + Math.exp(-z[i]));
                sum -= targets[i] == 1 ? Math.log(p) : Math.log(1 - p);
            }
            Tensor expected = Tensors.of(targets, ROWS, LABELS);
            String of = dtype + ", seed " + seed;
            // the sum over the rows is that of the means over their labels
            assertEquals(
                    sum / LABELS, Losses.multiLabelSum(logits, expected, null).item_double(), 1e-5 * sum, of);
            Tensor loss = Losses.multiLabel(logits, expected);
            assertEquals(dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32, Dtype.of(loss), of);
            double exact = dtype == Dtype.F64 ? 1e-14 : 1e-6;
            assertEquals(sum / (ROWS * LABELS), loss.item_double(), exact * sum, of);
            loss.backward();
            double[] gradient = Tensors.toDoubles(logits.grad().to(Dtype.F64.scalarType()));
            double rounding =
                    dtype == Dtype.BF16 ? 1e-2 : dtype == Dtype.F16 ? 1e-3 : dtype == Dtype.F64 ? 1e-12 : 1e-5;
            for (int i = 0; i < z.length; i++) {
                double wanted = (1 / (1 + Math.exp(-z[i])) - targets[i]) / (ROWS * LABELS);
                assertEquals(wanted, gradient[i], rounding * Math.max(1e-2, Math.abs(wanted)), of + ", element " + i);
            }
        }
    }

    /** A logit whose sigmoid is 1 in every type has a loss all the same. */
    @Test
    void aLogitFarFromItsTargetHasAFiniteLoss() {
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(new float[] {200, -300}, 1, 2);
            assertEquals(
                    250,
                    Losses.multiLabel(logits, Tensors.of(new float[] {0, 1}, 1, 2))
                            .item_double(),
                    1e-4);
        }
    }

    @Test
    void eachTextHasAsManyTargetsAsThereAreLogits() {
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(new float[] {1, 2, 3, 4}, 2, 2);
            assertThrows(ShapeException.class, () -> Losses.multiLabel(logits, Tensors.of(new float[] {1, 0}, 2)));
            assertThrows(
                    ShapeException.class,
                    () -> Losses.multiLabelSum(logits, Tensors.of(new float[] {1, 0}, 2, 1), null));
        }
    }
}
