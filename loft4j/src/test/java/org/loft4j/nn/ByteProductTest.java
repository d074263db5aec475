package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.OthersLanes;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Few rows in bfloat16 against a matrix of bytes, beside the same in float64. */
class ByteProductTest {
    /** Half of bfloat16's last digit, of which it has eight binary ones, twice. */
    private static final double ROUNDED_TWICE = 2 * Math.pow(2, -8);

    private static Tensor bytes(long out, long in) {
        return torch.randint(-127, 128, new long[] {out, in}).to(ScalarType.Char);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 512, 1408, 1",
        "1, 2048, 1201, 2",
        "3, 64, 5, 2",
        "4, 1408, 517, 3",
        "5, 320, 2048, 2",
        "8, 640, 1000, 3",
    })
    void theyAreTheProductsOfFloat64(long rows, long in, long out, int threads) {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            torch.manual_seed(rows * in + out);
            Tensor x = torch.randn(1, rows, in).to(Dtype.BF16.scalarType());
            Tensor codes = bytes(out, in);
            Tensor scales = torch.rand(out).div_(new Scalar(1000.0));
            Tensor bias = torch.randn(out).to(Dtype.BF16.scalarType());
            assertTrue(ByteProduct.takes(x, codes));
            Tensor terms =
                    codes.to(Dtype.F64.scalarType()).mul(scales.unsqueeze(1).to(Dtype.F64.scalarType()));
            Tensor exact = x.to(Dtype.F64.scalarType()).matmul(terms.t());
            Tensor magnitude =
                    x.abs().to(Dtype.F64.scalarType()).matmul(terms.abs().t());
            Tensor y = ByteProduct.of(x, codes, scales, null);
            assertArrayEquals(new long[] {1, rows, out}, Shapes.of(y));
            assertClose(exact, exact.abs(), magnitude, y);
            Tensor biased = ByteProduct.of(x, codes, scales, bias);
            assertClose(exact.add(bias), exact.abs().add(exact.add(bias).abs()), magnitude, biased);
        }
    }

    /** @param rounded what bfloat16's roundings are parts of */
    private static void assertClose(Tensor exact, Tensor rounded, Tensor magnitude, Tensor y) {
        double[] expected = Tensors.toDoubles(exact.flatten());
        double[] actual = Tensors.toDoubles(y.to(Dtype.F64.scalarType()).flatten());
        double[] parts = Tensors.toDoubles(rounded.flatten());
        double[] sums = Tensors.toDoubles(magnitude.flatten());
        for (int i = 0; i < expected.length; i++) {
            double bound = ROUNDED_TWICE * parts[i] + 1e-6 * sums[i];
            assertTrue(Math.abs(actual[i] - expected[i]) <= bound, i + ": " + expected[i] + ", got " + actual[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 5, 8})
    @Timeout(60)
    void theNumbersDependOnNeitherLanesNorOthers(long rows) throws Exception {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            Tensor x = torch.randn(rows, 1024).to(Dtype.BF16.scalarType());
            Tensor codes = bytes(1999, 1024);
            Tensor scales = torch.rand(1999);
            Tensor first = ByteProduct.of(x, codes, scales, null);
            for (int threads = 1; threads <= 5; threads++) {
                try (Threads some = Threads.of(threads)) {
                    assertTrue(torch.equal(first, ByteProduct.of(x, codes, scales, null)), threads + " threads");
                    try (OthersLanes training = OthersLanes.begin()) {
                        assertTrue(torch.equal(first, ByteProduct.of(x, codes, scales, null)), "beside a training");
                    }
                }
            }
        }
    }

    /** The kernel reads whole blocks of bytes, and beyond the end of a row that has others. */
    @Test
    void whatTheKernelDoesNotDoIsLeft() {
        try (NativeScope scope = new NativeScope()) {
            Tensor codes = bytes(10, 128);
            Tensor x = torch.randn(8, 128).to(Dtype.BF16.scalarType());
            assertFalse(ByteProduct.takes(x, codes), "in training");
            try (Inference inference = Inference.open()) {
                assertTrue(ByteProduct.takes(x, codes));
                assertFalse(ByteProduct.takes(x.to(Dtype.F32.scalarType()), codes), "float32");
                assertFalse(ByteProduct.takes(x.to(Dtype.F16.scalarType()), codes), "float16");
                assertFalse(ByteProduct.takes(torch.cat(new TensorVector(x, x)), codes), "16 rows");
                assertFalse(ByteProduct.takes(x.narrow(1, 0, 96), bytes(10, 96)), "96 columns");
                assertFalse(ByteProduct.takes(x.narrow(1, 0, 64), codes), "another width");
                assertFalse(ByteProduct.takes(x.narrow(0, 0, 0), codes), "no row");
            }
        }
    }

    /** Some of the rows of a stack of matrices, as an expert has them, and a bias. */
    @Test
    void aPartOfAMatrixHasTheNumbersOfItsRows() {
        try (NativeScope scope = new NativeScope()) {
            Tensor whole = torch.randn(40, 128).to(Dtype.BF16.scalarType());
            Tensor bias = torch.randn(10).to(Dtype.BF16.scalarType());
            Tensor x = torch.randn(2, 128).to(Dtype.BF16.scalarType());
            try (QuantizedWeight weight = QuantizedWeight.of(LoadIn.INT8, whole, Dtype.BF16, false)) {
                QuantizedWeight part = weight.part(20, 10);
                Tensor widened = part.product(x, bias);
                try (Inference inference = Inference.open()) {
                    Tensor y = part.product(x, bias);
                    Tensor all = weight.product(x, null);
                    assertTrue(torch.equal(all.narrow(1, 20, 10), part.product(x, null)));
                    Tensor off = y.sub(widened).abs().max();
                    assertTrue(
                            off.item_double() <= 0.02 * widened.abs().max().item_double(),
                            "off by " + off.item_double());
                }
            }
        }
    }
}
