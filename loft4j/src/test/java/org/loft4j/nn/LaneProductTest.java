package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.OthersLanes;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Products in lanes against the same in float64 by libtorch. */
class LaneProductTest {
    @ParameterizedTest
    @CsvSource({
        "1, 512, 1408, 1",
        "1, 512, 1408, 2",
        "1, 2048, 1201, 3",
        "1, 3, 5, 2",
        "2, 512, 1201, 2",
        "5, 300, 2048, 3",
        "8, 1408, 517, 2",
        "16, 640, 1000, 2",
        "17, 640, 1000, 3",
        "200, 96, 131, 2",
    })
    void theyAreTheProductsOfFloat64(long rows, long in, long out, int threads) {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            torch.manual_seed(rows * in + out);
            Tensor x = torch.randn(1, rows, in);
            Tensor weight = torch.randn(out, in).div_(new Scalar(Math.sqrt(in)));
            Tensor bias = torch.randn(out);
            Tensor exact = x.to(Dtype.F64.scalarType())
                    .matmul(weight.to(Dtype.F64.scalarType()).t());
            Tensor turned = weight.t().contiguous().t();
            for (Tensor stored : new Tensor[] {weight, turned}) {
                Tensor y = LaneProduct.of(x, stored, null);
                assertNotNull(y);
                assertArrayEquals(new long[] {1, rows, out}, Shapes.of(y));
                assertClose(exact, y);
                Tensor biased = LaneProduct.of(x, stored, bias);
                assertNotNull(biased);
                assertClose(exact.add(bias), biased);
            }
        }
    }

    /** Cut over lanes where there are few rows, by oneDNN's own threads where there are more. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 3", "8, 2", "64, 3", "65, 2"})
    void productsInHalfTypesAreThoseOfFloat64(long rows, int threads) {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            torch.manual_seed(rows);
            for (Dtype dtype : new Dtype[] {Dtype.BF16, Dtype.F16}) {
                Tensor x = torch.randn(rows, 1, 700).to(dtype.scalarType());
                Tensor weight = torch.randn(517, 700).div_(new Scalar(26.0)).to(dtype.scalarType());
                Tensor bias = torch.randn(517).to(dtype.scalarType());
                Tensor exact = x.to(Dtype.F64.scalarType())
                        .matmul(weight.to(Dtype.F64.scalarType()).t());
                Tensor turned = weight.t().contiguous().t();
                double half = dtype == Dtype.BF16 ? 0x1p-8 : 0x1p-11;
                for (Tensor stored : new Tensor[] {weight, turned}) {
                    assertRounded(exact, LaneProduct.of(x, stored, null), dtype, 1.01 * half);
                    assertRounded(exact.add(bias), LaneProduct.of(x, stored, bias), dtype, 2.02 * half);
                    assertRounded(exact, Lanes.alone(() -> LaneProduct.of(x, stored, null)), dtype, 1.01 * half);
                }
            }
        }
    }

    /** @param share of each number that it may be off, and of 1 where it is smaller */
    private static void assertRounded(Tensor exact, @Nullable Tensor y, Dtype dtype, double share) {
        assertNotNull(y);
        assertEquals(dtype, Dtype.of(y));
        assertArrayEquals(Shapes.of(exact), Shapes.of(y));
        Tensor off =
                y.to(Dtype.F64.scalarType()).sub(exact).abs_().div_(exact.abs().clamp_min_(new Scalar(1.0)));
        assertTrue(off.max().item_double() <= share, () -> off.max().item_double() + " of " + share);
    }

    private static void assertClose(Tensor exact, Tensor y) {
        assertArrayEquals(
                Tensors.toDoubles(exact.flatten()),
                Tensors.toDoubles(y.to(Dtype.F64.scalarType()).flatten()),
                1e-5);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 3, 16})
    void theNumbersOfFewRowsDoNotDependOnTheLanes(long rows) {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            assumeTrue(LaneProduct.isOfFew(torch.zeros(2, 1)), "OpenBLAS' kernels have small ones");
            Tensor x = torch.randn(rows, 700);
            Tensor weight = torch.randn(1999, 700);
            Tensor alone = LaneProduct.of(x, weight, null);
            assertNotNull(alone);
            for (int threads = 1; threads <= 5; threads++) {
                try (Threads some = Threads.of(threads)) {
                    assertSame(alone, LaneProduct.of(x, weight, null), threads + " threads");
                }
            }
        }
    }

    /** A training's lanes take as long as a step, and a token has dozens of products. */
    @ParameterizedTest
    @ValueSource(longs = {1, 3, 16, 17, 200})
    @Timeout(60)
    void nobodyWaitsForTheLanesOfAnotherAndTheNumbersAreTheSame(long rows) throws Exception {
        try (Threads three = Threads.of(3);
                NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            Tensor x = torch.randn(rows, 1100);
            Tensor bias = torch.randn(1999);
            Tensor weight = torch.randn(1999, 1100);
            // of few outputs, too: too small for several lanes
            for (Tensor some : new Tensor[] {weight, weight.narrow(0, 0, 200)}) {
                for (Tensor stored : new Tensor[] {some, some.t().contiguous().t()}) {
                    Tensor added = bias.narrow(0, 0, stored.size(0));
                    Tensor free = LaneProduct.of(x, stored, added);
                    assertNotNull(free);
                    try (OthersLanes training = OthersLanes.begin()) {
                        assertSame(free, LaneProduct.of(x, stored, added), "beside a training");
                    }
                }
            }
        }
    }

    private static void assertSame(Tensor expected, @Nullable Tensor y, String where) {
        assertNotNull(y);
        assertTrue(torch.equal(expected, y), where);
    }

    /** What a training computes twice, once without gradients, has the same digits both times. */
    @Test
    void itIsForAnswersAndOperandsOfOneType() {
        try (Threads two = Threads.of(2);
                NativeScope scope = new NativeScope()) {
            Tensor weight = torch.randn(600, 500);
            assertNull(LaneProduct.of(torch.randn(1, 500), weight, null));
            try (NoGradGuard noGrad = new NoGradGuard()) {
                assertNull(LaneProduct.of(torch.randn(1, 500), weight, null));
            }
            try (Inference inference = Inference.open()) {
                try (Inference within = Inference.open()) {
                    assertNotNull(LaneProduct.of(torch.randn(32, 500), weight, null));
                }
                assertNotNull(LaneProduct.of(torch.randn(32, 500), weight, null));
                assertFalse(GradMode.is_enabled());
                assertNull(LaneProduct.of(torch.randn(32, 500).to(Dtype.BF16.scalarType()), weight, null));
                assertNull(LaneProduct.of(torch.randn(32, 501), weight, null));
            }
            assertNull(LaneProduct.of(torch.randn(1, 500), weight, null));
            assertTrue(GradMode.is_enabled());
        }
    }
}
