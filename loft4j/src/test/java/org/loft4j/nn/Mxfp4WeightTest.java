package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Against the format's definition, bit by bit. */
class Mxfp4WeightTest {
    private static final int COUNT = 3;
    private static final int OUT = 5;
    private static final int BLOCKS = 4;
    private static final int IN = BLOCKS * Mxfp4Weight.BLOCK;

    private final SplittableRandom random = new SplittableRandom(4);
    private final long[] blocks =
            random.longs((long) COUNT * OUT * BLOCKS * 16, 0, 256).toArray();
    private final long[] exponents =
            random.longs((long) COUNT * OUT * BLOCKS, 110, 130).toArray();

    private static Tensor bytes(long[] values, long... shape) {
        return Tensors.of(values, shape).to(Dtype.U8.scalarType());
    }

    private Mxfp4Weight weight(Dtype dtype) {
        return Mxfp4Weight.of(bytes(blocks, COUNT, OUT, BLOCKS, 16), bytes(exponents, COUNT, OUT, BLOCKS), dtype);
    }

    /** A sign, two bits of an exponent with bias 1, and one of a fraction: E2M1. */
    private static double number(long code) {
        long exponent = code >> 1 & 3;
        double fraction = (code & 1) / 2.0;
        double magnitude = exponent == 0 ? fraction : (1 + fraction) * Math.scalb(1.0, (int) exponent - 1);
        return (code & 8) == 0 ? magnitude : -magnitude;
    }

    private double expected(int row, int column) {
        long pair = blocks[(row * IN + column) / 2];
        long code = column % 2 == 0 ? pair & 15 : pair >> 4;
        return Math.scalb(number(code), (int) exponents[row * BLOCKS + column / Mxfp4Weight.BLOCK] - 127);
    }

    private void assertNumbers(Tensor actual, int firstRow, int firstColumn) {
        double[] values = Tensors.toDoubles(actual.to(Dtype.F64.scalarType()));
        int columns = (int) actual.size(1);
        for (int i = 0; i < values.length; i++) {
            assertEquals(expected(firstRow + i / columns, firstColumn + i % columns), values[i], 0.0, "number " + i);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "BF16", "F64"})
    void numbersAreThoseOfTheFormat(Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                Mxfp4Weight weight = weight(dtype)) {
            assertEquals(COUNT * OUT, weight.out());
            assertEquals(IN, weight.in());
            assertFalse(weight.isWritable());
            assertNumbers(weight.dense(), 0, 0);
            assertNumbers(weight.rows(7, 3), 7, 0);
            assertNumbers(weight.columns(64, 64), 0, 64);
            assertNumbers(weight.columns(64, 10), 0, 64);
            assertEquals(dtype, Dtype.of(weight.dense()));
        }
    }

    /** Codes and exponents, beside two tables for all of them. */
    @Test
    void itTakesFourBitsAndAQuarter() {
        try (NativeScope scope = new NativeScope();
                Mxfp4Weight weight = weight(Dtype.BF16)) {
            assertEquals(COUNT * OUT * IN * 4.25 / 8 + 256 * (8 + 4), weight.bytes());
        }
    }

    @Test
    void eachMatrixOfAStackIsAPart() {
        try (NativeScope scope = new NativeScope();
                Mxfp4Weight weight = weight(Dtype.F64)) {
            MatrixStack.Packed stack = new MatrixStack.Packed(COUNT, weight);
            for (int i = 0; i < COUNT; i++) {
                QuantizedWeight part = (QuantizedWeight) stack.open().apply(i);
                assertNumbers(part.dense(), i * OUT, 0);
                assertNumbers(part.rows(1, 2), i * OUT + 1, 0);
                assertNumbers(part.columns(64, 64), i * OUT, 64);
                assertNumbers(part.rows(Tensors.of(new long[] {3}, 1)), i * OUT + 3, 0);
                Tensor x = Tensors.of(random.doubles(2L * IN, -1, 1).toArray(), 2, IN);
                x.set_requires_grad(true);
                Tensor y = part.product(x, null);
                assertEquals(0, y.sub(x.matmul(part.dense().t())).abs().max().item_double(), 1e-12);
                y.sum().backward();
                Tensor gradient = part.dense().sum(0);
                assertEquals(0, x.grad().sub(gradient).abs().max().item_double(), 1e-12);
            }
        }
    }

    @Test
    void theLastExponentIsNoNumberAndTheFirstIsTheLeast() {
        try (NativeScope scope = new NativeScope();
                Mxfp4Weight weight = Mxfp4Weight.of(
                        bytes(new long[32], 1, 2, 16).fill_(new Scalar(0x22)),
                        bytes(new long[] {0, 255}, 1, 2),
                        Dtype.F32)) {
            double[] values = Tensors.toDoubles(weight.dense());
            assertEquals(Math.scalb(1.0, -127), values[0]);
            assertTrue(Double.isNaN(values[32]));
        }
    }

    @Test
    void bytesThatDoNotFitAreRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor codes = Tensors.empty(Dtype.U8, DeviceSpec.CPU, 2, 3, 16);
            Tensor few = Tensors.empty(Dtype.U8, DeviceSpec.CPU, 2, 2);
            assertThrows(ShapeException.class, () -> Mxfp4Weight.of(codes, few, Dtype.F32));
        }
    }
}
