package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The ways of attention in half types and for a single query, against plain operations in float64. */
class AttentionTest {
    private static final double SCALE = 0.35;

    private static Tensor random(Dtype dtype, long... shape) {
        return torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU)).to(dtype.scalarType());
    }

    private static Tensor exact(Tensor x) {
        return x.to(Dtype.F64.scalarType());
    }

    private static double relative(Tensor actual, Tensor expected) {
        return exact(actual).sub(expected).norm().item_double()
                / expected.norm().item_double();
    }

    /** Few scores and many, outside of lanes and in one; a bias that a half type holds, whose products with queries it does not. */
    @ParameterizedTest
    @CsvSource({
        "BF16, 1000, 24, false",
        "BF16, 300, 1500, false",
        "BF16, 1000, 100, true",
        "BF16, 300, 256, true",
        "F16, 30000, 24, false",
        "F16, 30000, 1500, false",
        "F16, 30000, 100, true",
        "F16, 30000, 256, true"
    })
    void aLargeBiasOfTheKeysCostsNoDigits(Dtype dtype, double most, long length, boolean lane) {
        Lanes.run(lane ? 2 : 1, i -> {
            if (i == 0) {
                checkLargeBias(dtype, most, length);
            }
        });
    }

    private static void checkLargeBias(Dtype dtype, double most, long length) {
        long[] shape = {1, length, 4, 8};
        Tensor bias = torch.rand(new long[] {8}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                .mul(new Scalar(most));
        Tensor query = random(dtype, shape);
        Tensor key = random(Dtype.F32, shape).add(bias).to(dtype.scalarType());
        Tensor value = random(dtype, shape);
        for (boolean causal : new boolean[] {true, false}) {
            Tensor expected = Attention.attendUnfused(
                    exact(query),
                    exact(key),
                    exact(value),
                    causal ? Attention.future(exact(query)) : null,
                    0,
                    SCALE,
                    0);
            double off = relative(Attention.attend(query, key, value, null, causal, 0, SCALE), expected);
            assertTrue(off < 1e-2, (causal ? "causal" : "both ways") + ": off by " + off);
        }
    }

    @Test
    void theBoundedScoresOfALargeBiasCostNoDigitsEither() {
        try (NativeScope scope = new NativeScope()) {
            Tensor query = random(Dtype.BF16, 1, 24, 4, 8);
            Tensor key = random(Dtype.F32, 1, 24, 2, 8).add(new Scalar(100.0)).to(Dtype.BF16.scalarType());
            Tensor value = random(Dtype.BF16, 1, 24, 2, 8);
            Tensor expected = Attention.attendUnfused(exact(query), exact(key), exact(value), null, 0, SCALE, 500);
            double off = relative(Attention.attendUnfused(query, key, value, null, 0, SCALE, 500), expected);
            assertTrue(off < 1e-2, "off by " + off);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"BF16", "F16"})
    void theGradientsOutliveTheScopeOfTheForwardPass(Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            Tensor heads = random(dtype, 2, 24, 4, 8);
            Tensor half = heads.detach().clone().requires_grad_(true);
            Tensor wide = exact(heads).requires_grad_(true);
            Tensor weights = random(Dtype.F32, 2, 24, 32);
            Tensor attended;
            try (NativeScope forward = new NativeScope()) {
                attended = forward.toEnclosing(Attention.attend(half, half, half, null, true, 0, SCALE));
            }
            attended.mul(weights).sum().backward();
            Attention.attend(wide, wide, wide, null, true, 0, SCALE)
                    .mul(exact(weights))
                    .sum()
                    .backward();
            double off = relative(half.grad(), wide.grad());
            assertTrue(off < 2e-2, "off by " + off);
        }
    }

    /** The score of the hidden key is above the largest number of float16, and what hides it must be further below. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"BF16", "F16"})
    void whatIsHiddenStaysSoWhateverItsScore(Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            Tensor mask = Tensors.of(new long[] {1, 0, 1}, 1, 3);
            Padding padding = Padding.of(new TokenInput(Tensors.of(new long[3], 1, 3), mask));
            Tensor bias = padding.keyBias(Attention.biasDtype(dtype, DeviceSpec.CPU, false));
            Tensor key =
                    Tensors.of(new float[] {1, 1, 500, 500, -1, 1}, 1, 3, 1, 2).to(dtype.scalarType());
            Tensor value =
                    Tensors.of(new float[] {1, 2, 1000, 1000, 3, 4}, 1, 3, 1, 2).to(dtype.scalarType());
            for (int heads : new int[] {1, 2}) {
                for (int queries : new int[] {1, 3}) {
                    Tensor query = torch.full(
                            new long[] {1, queries, heads, 2},
                            new Scalar(500.0),
                            Tensors.options(dtype, DeviceSpec.CPU));
                    for (double at : Tensors.toDoubles(exact(Attention.attend(query, key, value, bias, false, 0, 1))
                            .select(2, 0))) {
                        assertEquals(1, at, 1e-2, heads + " heads, " + queries + " queries");
                    }
                }
            }
        }
    }

    /** Keys and values of a cache, which has room for more. */
    @ParameterizedTest
    @CsvSource({"F64, 1e-14", "F32, 2e-6", "BF16, 1e-2", "F16, 2e-3"})
    void theHeadsOfAGroupAreTheQueriesOfOne(Dtype dtype, double bar) {
        try (NativeScope scope = new NativeScope()) {
            for (long[] sizes : new long[][] {{1, 6, 2, 40}, {3, 8, 1, 7}, {2, 4, 2, 1}, {2, 4, 4, 9}}) {
                Tensor query = random(dtype, sizes[0], 1, sizes[1], 16).requires_grad_(true);
                Tensor key = random(dtype, sizes[0], 64, sizes[2], 16).narrow(1, 0, sizes[3]);
                Tensor value = random(dtype, sizes[0], 64, sizes[2], 16).narrow(1, 0, sizes[3]);
                Tensor mask = torch.arange(new Scalar(sizes[0] * sizes[3]), Tensors.options(Dtype.F32, DeviceSpec.CPU))
                        .view(sizes[0], 1, 1, sizes[3])
                        .mul(new Scalar(-0.1));
                for (Tensor bias : new @Nullable Tensor[] {null, mask}) {
                    Tensor wide = bias == null ? null : exact(bias);
                    Tensor expected =
                            Attention.attendUnfused(exact(query), exact(key), exact(value), wide, 0, SCALE, 0);
                    Tensor given = bias == null || dtype != Dtype.F64 ? bias : wide;
                    Tensor actual = Attention.attend(query, key, value, given, false, 0, SCALE);
                    assertEquals(dtype, Dtype.of(actual));
                    double off = relative(actual, expected);
                    assertTrue(off < bar, sizes[1] + "/" + sizes[2] + ": off by " + off);
                }
            }
        }
    }

    /** So many keys that the kernel shares its work out, and few, alone and not. */
    @ParameterizedTest
    @CsvSource({"BF16, 5", "BF16, 900", "F16, 5", "F16, 900"})
    void aSingleQueryInAHalfTypeIsThatOfFloat32Rounded(Dtype dtype, long keys) {
        try (NativeScope scope = new NativeScope()) {
            Tensor query = random(dtype, 3, 1, 8, 64);
            Tensor key = random(dtype, 3, keys + 9, 8, 64).narrow(1, 0, keys);
            Tensor value = random(dtype, 3, keys + 9, 8, 64).narrow(1, 0, keys);
            Tensor expected = Attention.attend(
                            Attention.wide(query), Attention.wide(key), Attention.wide(value), null, false, 0, SCALE)
                    .to(dtype.scalarType());
            assertTrue(torch.equal(expected, Attention.attend(query, key, value, null, false, 0, SCALE)));
            assertTrue(torch.equal(
                    expected, Lanes.alone(() -> Attention.attend(query, key, value, null, false, 0, SCALE))));
        }
    }
}
