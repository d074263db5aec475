package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
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
                NoGradGuard noGrad = new NoGradGuard()) {
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
                NoGradGuard noGrad = new NoGradGuard()) {
            assumeTrue(LaneProduct.isOfFew(torch.zeros(2, 1)), "OpenBLAS' kernels have small ones");
            Tensor x = torch.randn(rows, 700);
            Tensor weight = torch.randn(1999, 700);
            Tensor alone = null;
            for (int threads = 1; threads <= 3; threads++) {
                try (Threads some = Threads.of(threads)) {
                    Tensor y = LaneProduct.of(x, weight, null);
                    assertNotNull(y);
                    alone = alone == null ? y : alone;
                    assertTrue(torch.equal(alone, y), threads + " threads");
                }
            }
        }
    }

    /** What a training step multiplies is autograd's, and what is one lane's already is libtorch's. */
    @Test
    void itIsForProductsWithoutGradientsThatLanesGainOn() {
        try (Threads two = Threads.of(2);
                NativeScope scope = new NativeScope()) {
            Tensor weight = torch.randn(600, 500);
            assertNull(LaneProduct.of(torch.randn(1, 500), weight, null));
            try (NoGradGuard noGrad = new NoGradGuard()) {
                assertNotNull(LaneProduct.of(torch.randn(32, 500), weight, null));
                assertNull(LaneProduct.of(
                        torch.randn(32, 500).to(Dtype.BF16.scalarType()), weight.to(Dtype.BF16.scalarType()), null));
                assertNull(LaneProduct.of(torch.randn(32, 501), weight, null));
                Lanes.run(2, lane -> assertNull(LaneProduct.of(torch.randn(32, 500), weight, null)));
            }
        }
    }

    /** A training's lanes take as long as a step, and a token has dozens of products. */
    @Test
    @Timeout(60)
    void nobodyWaitsForTheLanesOfAnother() throws Exception {
        CountDownLatch begun = new CountDownLatch(2);
        CountDownLatch made = new CountDownLatch(1);
        Runnable training = () -> Lanes.run(2, lane -> {
            begun.countDown();
            try {
                made.await(30, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        try (Threads two = Threads.of(2);
                NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            Thread other = new Thread(training);
            other.start();
            try {
                assertTrue(begun.await(30, TimeUnit.SECONDS));
                assertNotNull(LaneProduct.of(torch.randn(1, 2048), torch.randn(1024, 2048), null));
                assertNull(LaneProduct.of(torch.randn(64, 2048), torch.randn(1024, 2048), null));
            } finally {
                made.countDown();
                other.join();
            }
        }
    }
}
