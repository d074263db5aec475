package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** Layers against their equations, written out in Java. */
class LayersTest {
    private static final double[] X = {0.3, -1.2, 2.0, 0.7};
    private static final double[] W = {1.0, 0.5, -2.0, 3.0};

    @Test
    void rmsNorm() {
        double square = 0;
        for (double x : X) {
            square += x * x / X.length;
        }
        double[] expected = new double[X.length];
        for (int i = 0; i < X.length; i++) {
            expected[i] = W[i] * X[i] / Math.sqrt(square + 0.1);
        }
        try (NativeScope scope = new NativeScope()) {
            RmsNorm norm = new RmsNorm("norm.weight", Tensors.of(W, 4), 0.1);
            assertArrayEquals(expected, Tensors.toDoubles(norm.forward(Tensors.of(X, 1, 4))), 1e-15);
        }
    }

    @Test
    void layerNorm() {
        double mean = (X[0] + X[1] + X[2] + X[3]) / 4;
        double variance = 0;
        for (double x : X) {
            variance += (x - mean) * (x - mean) / 4;
        }
        double[] expected = new double[X.length];
        for (int i = 0; i < X.length; i++) {
            expected[i] = W[i] * (X[i] - mean) / Math.sqrt(variance + 0.1) + 1;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor ones = Tensors.of(new double[] {1, 1, 1, 1}, 4);
            LayerNorm norm = new LayerNorm("norm", Tensors.of(W, 4), ones, 0.1);
            assertArrayEquals(expected, Tensors.toDoubles(norm.forward(Tensors.of(X, 1, 4))), 1e-15);
        }
    }

    @Test
    void rotaryEmbeddingTurnsPairsByTheirPosition() {
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary =
                        new RotaryEmbedding(4, 100, new RopeScaling.None(), Dtype.F64, DeviceSpec.CPU, false)) {
            Tensor x = Tensors.of(X, 1, 1, 1, 4);
            for (long position : new long[] {0, 3, 200}) {
                double[] expected = new double[4];
                for (int i = 0; i < 2; i++) {
                    double angle = position * Math.pow(100, -2.0 * i / 4);
                    expected[i] = X[i] * Math.cos(angle) - X[i + 2] * Math.sin(angle);
                    expected[i + 2] = X[i + 2] * Math.cos(angle) + X[i] * Math.sin(angle);
                }
                Tensor at = Tensors.of(new long[] {position}, 1, 1);
                assertArrayEquals(
                        expected, Tensors.toDoubles(rotary.range(position, 1).apply(x)), 1e-12);
                assertArrayEquals(
                        expected, Tensors.toDoubles(rotary.at(at, position + 1).apply(x)), 1e-12);
            }
        }
        assertThrows(
                ConfigException.class,
                () -> new RotaryEmbedding(3, 100, new RopeScaling.None(), Dtype.F64, DeviceSpec.CPU, false));
    }

    /** As the paper pairs them; the last two dimensions stand still. */
    @Test
    void neighboursAreTurnedByTheirPosition() {
        double[] six = {X[0], X[1], X[2], X[3], 5, 6};
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary =
                        new RotaryEmbedding(4, 100, new RopeScaling.None(), Dtype.F64, DeviceSpec.CPU, true)) {
            Tensor x = Tensors.of(six, 1, 1, 1, 6);
            for (long position : new long[] {0, 3, 200}) {
                double[] expected = six.clone();
                for (int i = 0; i < 4; i += 2) {
                    double angle = position * Math.pow(100, -i / 4.0);
                    expected[i] = X[i] * Math.cos(angle) - X[i + 1] * Math.sin(angle);
                    expected[i + 1] = X[i + 1] * Math.cos(angle) + X[i] * Math.sin(angle);
                }
                assertArrayEquals(
                        expected, Tensors.toDoubles(rotary.range(position, 1).apply(x)), 1e-12);
            }
        }
    }

    @Test
    void aNormHeadByHeadHasAWeightForEach() {
        try (NativeScope scope = new NativeScope()) {
            Tensor weight = Tensors.of(new double[] {2, 3, 5, 7}, 2, 2);
            Tensor normed = new HeadByHead("norm.weight", weight, 0.75)
                    .forward(Tensors.of(new double[] {1, 2, 6, 4}, 1, 1, 2, 2));
            // two numbers lie half their distance d off their mean, and are divided by √(d²/4 + eps)
            double small = 0.5 / Math.sqrt(0.25 + 0.75);
            double large = 1 / Math.sqrt(1 + 0.75);
            assertArrayEquals(
                    new double[] {-2 * small, 3 * small, 5 * large, -7 * large}, Tensors.toDoubles(normed), 1e-12);
        }
    }

    /** OLMo 2's: the rotation is that of the same numbers in float32, rounded once. */
    @Test
    void headsInAHalfTypeMayBeRotatedInFloat32() {
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary =
                        new RotaryEmbedding(4, 100, new RopeScaling.None(), Dtype.F32, DeviceSpec.CPU, false)) {
            Tensor x = Tensors.of(X, 1, 1, 1, 4).to(Dtype.BF16.scalarType());
            Tensor wide = rotary.range(3, 1).apply(x.to(Dtype.F32.scalarType()));
            Tensor turned = rotary.range(3, 1).apply(x);
            assertEquals(Dtype.BF16, Dtype.of(turned));
            assertTrue(Tensors.bitEqual(wide.to(Dtype.BF16.scalarType()), turned));
        }
    }

    @Test
    void aNormOverAllHeadsTakesThemForOneVector() {
        try (NativeScope scope = new NativeScope()) {
            RmsNorm norm = new RmsNorm("norm.weight", Tensors.of(W, 4), 0.1);
            Tensor heads = Tensors.of(X, 1, 1, 2, 2);
            Tensor normed = new AcrossHeads(norm).forward(heads);
            assertArrayEquals(new long[] {1, 1, 2, 2}, Shapes.of(normed));
            assertArrayEquals(Tensors.toDoubles(norm.forward(Tensors.of(X, 1, 4))), Tensors.toDoubles(normed), 0);
        }
    }

    /** Granite's scale is a number, Gemma's one of the vectors' type: 3.3 is 3.296875 in bfloat16. */
    @Test
    void aNumberIsRoundedToAType() {
        assertEquals(3.3, Tensors.rounded(3.3, Dtype.F64));
        assertEquals(3.3f, Tensors.rounded(3.3, Dtype.F32));
        assertEquals(3.296875, Tensors.rounded(3.3, Dtype.BF16));
    }

    @Test
    void activations() {
        double x = 0.8;
        double tanh = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
        try (NativeScope scope = new NativeScope()) {
            assertEquals(0.8 * 0.788144601416603, apply("gelu", x), 1e-14);
            assertEquals(x / 2 * (1 + tanh), apply("gelu_new", x), 1e-14);
            assertEquals(0, apply("relu", -x), 0);
            assertEquals(x / (1 + Math.exp(-x)), apply("silu", x), 1e-14);
        }
        ConfigException fault = assertThrows(ConfigException.class, () -> Activation.parse("hidden_act", "quick_gelu"));
        assertTrue(fault.getMessage().startsWith("hidden_act must be one of gelu, "), fault.getMessage());
        assertTrue(fault.getMessage().endsWith("got quick_gelu"), fault.getMessage());
    }

    @Test
    void groupsOfQueriesShareAKeyAndAValue() {
        try (NativeScope scope = new NativeScope()) {
            Tensor query = Tensors.of(new double[] {1, 2, 3, 4}, 1, 1, 4, 1);
            Tensor key = Tensors.of(new double[] {1, 0, 0, 1}, 1, 2, 2, 1);
            Tensor value = Tensors.of(new double[] {1, 10, 3, 30}, 1, 2, 2, 1);
            double[] attended = Tensors.toDoubles(
                    Attention.attend(query, key, value, null, false, 0, 1 / Math.sqrt(query.size(3))));
            double[] expected = new double[4];
            for (int head = 0; head < 4; head++) {
                double toFirst = Math.exp((head + 1) * (head < 2 ? 1 : 0));
                double toSecond = Math.exp((head + 1) * (head < 2 ? 0 : 1));
                double unit = head < 2 ? 1 : 10;
                expected[head] = (toFirst * unit + toSecond * 3 * unit) / (toFirst + toSecond);
            }
            assertArrayEquals(expected, attended, 1e-13);
        }
    }

    @Test
    void lossesLeaveOutIgnoredLabels() {
        try (NativeScope scope = new NativeScope()) {
            Tensor logits = Tensors.of(new double[] {0, 0, 1, 2, 5, 5}, 1, 3, 2);
            Tensor labels = Tensors.of(new long[] {0, 1, -100}, 1, 3);
            assertEquals(Math.log(2), Tensors.toDoubles(Losses.causalLm(logits, labels))[0], 1e-15);
            Tensor none = Tensors.of(new long[] {1, -100, -100}, 1, 3);
            assertEquals(0, Tensors.toDoubles(Losses.causalLmSum(logits, none, 0))[0], 0);
            assertTrue(Double.isNaN(Tensors.toDoubles(Losses.causalLm(logits, none))[0]));
            assertThrows(ShapeException.class, () -> Losses.causalLm(logits, Tensors.of(new long[] {1, 2}, 1, 2)));
        }
    }

    private static double apply(String name, double x) {
        return Tensors.toDoubles(Activation.parse("hidden_act", name).apply(Tensors.of(new double[] {x}, 1)))[0];
    }

    /** The ways of attention in a half type, by the number of scores, against float64. */
    @Test
    void attentionInBfloat16HasTheGradientsOfFloat64WhateverItsLength() {
        checkAttentionInBfloat16(24);
        checkAttentionInBfloat16(1500);
    }

    /** Where a thread keeps to its core, heads of many scores are made float32 for our own attention. */
    @Test
    void attentionInBfloat16HasTheGradientsOfFloat64InALane() {
        Lanes.run(2, lane -> checkAttentionInBfloat16(lane == 0 ? 100 : 800));
    }

    private static void checkAttentionInBfloat16(long length) {
        try (NativeScope scope = new NativeScope()) {
            long[] shape = {1, length, 4, 8};
            Tensor half = torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(Dtype.BF16.scalarType());
            Tensor exact = half.to(Dtype.F64.scalarType()).clone();
            half.set_requires_grad(true);
            exact.set_requires_grad(true);
            Tensor weights = torch.randn(new long[] {1, length, 32}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
            double scale = 1 / Math.sqrt(exact.size(3));
            Tensor expected = Attention.attend(exact, exact, exact, null, true, 0, scale);
            Tensor actual = Attention.attend(half, half, half, null, true, 0, scale);
            assertTrue(relative(actual, expected) < 1e-2, length + " is off by " + relative(actual, expected));
            expected.mul(weights).sum().backward();
            actual.mul(weights.to(Dtype.BF16.scalarType())).sum().backward();
            double gradient = relative(half.grad(), exact.grad());
            assertTrue(gradient < 2e-2, length + ": the gradient is off by " + gradient);
            // an evaluation goes the way of the training, not the slow kernel's
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                assertTrue(
                        Attention.attend(half, half, half, null, true, 0, scale).equal(actual), length + " tokens");
            }
        }
    }

    private static double relative(Tensor actual, Tensor expected) {
        Tensor difference = actual.to(Dtype.F64.scalarType()).sub(expected);
        return difference.norm().item_double() / expected.norm().item_double();
    }
}
