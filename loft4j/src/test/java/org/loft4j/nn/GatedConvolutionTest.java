package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** LFM2's convolution against a loop over its tokens. */
class GatedConvolutionTest {
    private static final int HIDDEN = 3;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void eachTokenIsTheSumOfThoseBeforeItBetweenTwoGates(int kernel) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Layer layer = Layer.random(kernel);
            Tensor x = wide(torch.randn(1, 6, HIDDEN));
            assertNear(layer.loop(x), layer.forward(x, null, null, null));
        }
    }

    @Test
    void packedTextsAreThoseByThemselvesForwardAndBack() {
        long[] lengths = {1, 5, 2};
        try (NativeScope scope = new NativeScope()) {
            Layer layer = Layer.random(4);
            Tensor x = wide(torch.randn(1, 8, HIDDEN)).set_requires_grad(true);
            Tensor weights = wide(torch.randn(1, 8, HIDDEN));
            Tensor packed = layer.forward(x, null, lengths, null);
            packed.mul(weights).sum().backward();
            Tensor gradient = x.grad().clone();
            x.mutable_grad().zero_();
            TensorVector alone = new TensorVector();
            long start = 0;
            for (long length : lengths) {
                alone.push_back(layer.loop(x.narrow(1, start, length)));
                start += length;
            }
            Tensor expected = torch.cat(alone, 1);
            expected.mul(weights).sum().backward();
            assertNear(expected, packed);
            assertNear(x.grad(), gradient);
        }
    }

    /** Biases would make something of it. */
    @Test
    void paddingOnTheLeftChangesNoToken() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Layer layer = Layer.random(3);
            Tensor x = wide(torch.randn(1, 6, HIDDEN));
            Tensor tokens = wide(Tensors.of(new long[] {0, 0, 1, 1, 1, 1}, 1, 6, 1));
            Tensor padded = layer.forward(x, tokens, null, null);
            assertNear(layer.loop(x.narrow(1, 2, 4)), padded.narrow(1, 2, 4));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aCacheCarriesTheLastTokensOn(int kernel) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                KeyValueCache cache = new KeyValueCache()) {
            Layer layer = Layer.random(kernel);
            Tensor x = wide(torch.randn(1, 7, HIDDEN));
            TensorVector parts = new TensorVector();
            for (int[] part : new int[][] {{0, 1}, {1, 1}, {2, 4}, {6, 1}}) {
                parts.push_back(layer.forward(x.narrow(1, part[0], part[1]), null, null, cache));
            }
            assertEquals(7, cache.length());
            assertNear(layer.loop(x), torch.cat(parts, 1));
        }
    }

    private static Tensor wide(Tensor x) {
        return x.to(Dtype.F64.scalarType());
    }

    private static void assertNear(Tensor expected, Tensor actual) {
        assertEquals(0, expected.sub(actual).abs().max().item_double(), 1e-13);
    }

    /** The layer, and the same by its definition. */
    private record Layer(GatedConvolution layer) {
        static Layer random(int kernel) {
            torch.manual_seed(7);
            return new Layer(new GatedConvolution(
                    0,
                    new Linear("in_proj", draw(3 * HIDDEN, HIDDEN), draw(3 * HIDDEN)),
                    draw(HIDDEN, 1, kernel),
                    draw(HIDDEN),
                    new Linear("out_proj", draw(HIDDEN, HIDDEN), draw(HIDDEN))));
        }

        private static Tensor draw(long... shape) {
            return wide(torch.randn(shape).mul(new Scalar(0.5)));
        }

        Tensor forward(Tensor x, Tensor tokens, long[] segments, KeyValueCache cache) {
            return layer.forward(x, new LayerPass(null, Sight.all(), false, true, cache, tokens, segments, null, null))
                    .states();
        }

        Tensor loop(Tensor x) {
            Tensor made = layer.input().forward(x);
            long taps = layer.convolution().size(2);
            TensorVector all = new TensorVector();
            for (long t = 0; t < x.size(1); t++) {
                Tensor sum = layer.bias();
                for (long back = 0; back < taps && back <= t; back++) {
                    Tensor then = made.select(1, t - back);
                    Tensor gated = then.narrow(-1, 0, HIDDEN).mul(then.narrow(-1, 2 * HIDDEN, HIDDEN));
                    sum = sum.add(gated.mul(
                            layer.convolution().select(2, taps - 1 - back).squeeze(1)));
                }
                all.push_back(made.select(1, t).narrow(-1, HIDDEN, HIDDEN).mul(sum));
            }
            return layer.output().forward(torch.stack(all, 1));
        }
    }
}
