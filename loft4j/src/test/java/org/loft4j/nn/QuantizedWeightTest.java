package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** What the quantised formats store, against their definitions written out in Java. */
class QuantizedWeightTest {
    private static final long SEED = 20260;

    /** A normal matrix as doubles that are float32 numbers. */
    private static double[] normal(int count, long seed) {
        java.util.Random random = new java.util.Random(seed);
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.02 * random.nextGaussian());
        }
        return values;
    }

    private static Tensor matrix(double[] values, int out, int in) {
        return Tensors.of(values, out, in).to(Dtype.F32.scalarType());
    }

    private static double relativeError(double[] actual, double[] expected) {
        double error = 0;
        double norm = 0;
        for (int i = 0; i < actual.length; i++) {
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.sqrt(error / norm);
    }

    private static double nearest(double value) {
        double best = Double.NaN;
        for (float code : NormalFloat.values()) {
            // the code book is in order, so that the lower of two equally near numbers comes first
            if (!(Math.abs(value - code) >= Math.abs(value - best))) {
                best = code;
            }
        }
        return best;
    }

    /**
     * The relative error that the code book must have on normal numbers in blocks of 64, found by quadrature. Given that the
     * largest magnitude of a block is m, the other 63 are independent normal numbers cut off at ±m; m itself is stored
     * exactly.
     */
    private static double theoreticalNf4Error() {
        int steps = 4000;
        double top = 8;
        double width = top / steps;
        // phi, and the probability of |z| < x, at the middle of each step
        double[] density = new double[steps];
        double[] within = new double[steps];
        double sum = 0;
        for (int i = 0; i < steps; i++) {
            double x = (i + 0.5) * width;
            density[i] = 2 * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
            within[i] = sum + density[i] * width / 2;
            sum += density[i] * width;
        }
        double error = 0;
        for (int j = 0; j < steps; j += 4) {
            double m = (j + 0.5) * width;
            double weight = 64 * density[j] * Math.pow(within[j], 63) * 4 * width;
            if (weight < 1e-12) {
                continue;
            }
            double squared = 0;
            for (int i = 0; i < j; i++) {
                double x = (i + 0.5) * width;
                double up = x - m * nearest(x / m);
                double down = -x - m * nearest(-x / m);
                squared += density[i] * width * (up * up + down * down) / 2;
            }
            error += weight * 63.0 / 64 * squared / within[j];
        }
        return Math.sqrt(error);
    }

    /** Rows of a stack: 5 matrices of 7 rows and 150 columns, whose constants do not fill their groups. */
    @ParameterizedTest
    @EnumSource(
            value = LoadIn.class,
            names = {"INT8", "NF4"})
    void aPartHasTheNumbersOfItsRows(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight whole =
                        QuantizedWeight.of(loadIn, matrix(normal(35 * 150, SEED), 35, 150), Dtype.F32, false)) {
            Tensor x = matrix(normal(2 * 150, SEED + 1), 2, 150);
            for (int i = 0; i < 5; i++) {
                QuantizedWeight part = whole.part(i * 7, 7);
                Tensor expected = whole.dense().narrow(0, i * 7, 7);
                assertEquals(7, part.out());
                assertTrue(Tensors.bitEqual(expected, part.dense()));
                assertTrue(Tensors.bitEqual(
                        expected.narrow(0, 2, 3), part.part(1, 5).rows(1, 3)));
                assertTrue(Tensors.bitEqual(expected.narrow(1, 64, 80), part.columns(64, 80)));
                Tensor ids = Tensors.of(new long[] {6, 0, 6}, 3);
                assertTrue(Tensors.bitEqual(expected.index_select(0, ids), part.rows(ids)));
                assertEquals(
                        0,
                        part.product(x, null)
                                .sub(x.mm(expected.t()))
                                .abs()
                                .max()
                                .item_double(),
                        1e-6);
            }
        }
    }

    @Test
    void nf4OfNormalNumbersHasTheErrorOfItsCodeBook() {
        double theory = theoreticalNf4Error();
        double[] values = normal(1024 * 2048, SEED);
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.NF4, matrix(values, 1024, 2048), Dtype.F32, false)) {
            double error = relativeError(Tensors.toDoubles(weight.dense()), values);
            System.out.printf("seed %d: NF4's relative error is %.5f, in theory %.5f%n", SEED, error, theory);
            // the constants' own eight bits add some 0.05 % of that, and the sample is off by as much
            assertEquals(1, error / theory, 2e-3);
        }
    }

    /** Steps of equal size s have the error s²/12 as long as a number is spread over many of them. */
    @Test
    void int8OfNormalNumbersHasTheErrorOfItsSteps() {
        int in = 2048;
        double[] values = normal(512 * in, SEED);
        double expected = 0;
        double norm = 0;
        for (int row = 0; row < 512; row++) {
            double largest = 0;
            for (int i = 0; i < in; i++) {
                double value = values[row * in + i];
                largest = Math.max(largest, Math.abs(value));
                norm += value * value;
            }
            expected += in * Math.pow(largest / 127, 2) / 12;
        }
        double theory = Math.sqrt(expected / norm);
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.INT8, matrix(values, 512, in), Dtype.F32, false)) {
            double error = relativeError(Tensors.toDoubles(weight.dense()), values);
            System.out.printf("seed %d: int8's relative error is %.6f, in theory %.6f%n", SEED, error, theory);
            assertEquals(1, error / theory, 5e-3);
        }
    }

    @Test
    void int8RoundsHalvesToTheEvenNumberAndKeepsTheLargest() {
        double[] values = {127, 0.5, 1.5, 2.5, -0.5, -1.5, -127, 3, 0, 0, 0, 0, 0, 0, 0, 0};
        double[] expected = {127, 0, 2, 2, 0, -2, -127, 3, 0, 0, 0, 0, 0, 0, 0, 0};
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.INT8, matrix(values, 2, 8), Dtype.F32, false)) {
            assertArrayEquals(expected, Tensors.toDoubles(weight.dense()));
            assertEquals(16 + 2 * 4, weight.bytes());
        }
    }

    /** The whole format once more, number by number, over a row length that leaves a block half empty. */
    @ParameterizedTest
    @CsvSource({"3, 64", "5, 100", "40, 1024", "1, 1", "700, 65"})
    void nf4IsWhatThePaperSays(int out, int in) {
        double[] values = normal(out * in, SEED + out);
        int blocks = (in + 63) / 64;
        double[] largest = new double[out * blocks];
        for (int i = 0; i < values.length; i++) {
            int block = i / in * blocks + i % in / 64;
            largest[block] = Math.max(largest[block], Math.abs(values[i]));
        }
        double mean = 0;
        for (double constant : largest) {
            mean += constant / largest.length;
        }
        double[] kept = new double[largest.length];
        for (int first = 0; first < largest.length; first += 256) {
            int end = Math.min(first + 256, largest.length);
            double most = 0;
            for (int i = first; i < end; i++) {
                most = Math.max(most, Math.abs(largest[i] - mean));
            }
            for (int i = first; i < end; i++) {
                kept[i] = mean + (most == 0 ? 0 : most * nearestDynamic((float) ((largest[i] - mean) / most)));
            }
        }
        double[] expected = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            int block = i / in * blocks + i % in / 64;
            expected[i] = kept[block] * nearest(values[i] / largest[block]);
        }
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.NF4, matrix(values, out, in), Dtype.F32, false)) {
            assertEquals(in, weight.in());
            assertEquals(out, weight.out());
            double[] actual = Tensors.toDoubles(weight.dense());
            for (int i = 0; i < actual.length; i++) {
                double ratio = values[i] / largest[i / in * blocks + i % in / 64];
                // in the middle of two codes the rounding of float32 decides
                if (nearest(ratio - 1e-7) == nearest(ratio + 1e-7)) {
                    assertEquals(expected[i], actual[i], 1e-7, "number " + i);
                }
            }
        }
    }

    /** Sign, exponent in powers of ten, and the middle of one of the equal parts into which what is above it is cut. */
    private static double nearestDynamic(double number) {
        double best = number > 0.99 ? 1 : 0;
        for (int exponent = 0; exponent >= -6; exponent--) {
            int parts = 64 >> -exponent;
            for (int i = 0; i < parts; i++) {
                double value = Math.signum(number) * (0.1 + 0.9 * (2 * i + 1) / (2.0 * parts)) * Math.pow(10, exponent);
                best = Math.abs(value - number) < Math.abs(best - number) ? value : best;
            }
        }
        return best;
    }

    /** Some of the numbers that bitsandbytes' {@code create_dynamic_map} gives. */
    @Test
    void constantsAreOfTheDynamicType() {
        float[] values = DynamicFloat.values();
        assertEquals(256, values.length);
        assertEquals(-0.99296875f, values[0]);
        assertEquals(-5.5e-7f, values[126]);
        assertEquals(0f, values[127]);
        assertEquals(5.5e-7f, values[128]);
        assertEquals(3.25e-6f, values[129]);
        assertEquals(7.75e-6f, values[130]);
        assertEquals(0.99296875f, values[254]);
        assertEquals(1f, values[255]);
    }

    /** One number a thousand times as large as the others, which are in four groups of 256 blocks. */
    @Test
    void anOutlierCostsOtherBlocksLittle() {
        double[] values = normal(256 * 256, SEED);
        double[] with = values.clone();
        with[0] *= 1000
                / Math.abs(with[0])
                * Math.sqrt(Arrays.stream(values).map(x -> x * x).average().orElseThrow());
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.NF4, matrix(with, 256, 256), Dtype.F32, false)) {
            double[] read = Tensors.toDoubles(weight.dense());
            double error = relativeError(
                    Arrays.copyOfRange(read, 64, read.length), Arrays.copyOfRange(values, 64, values.length));
            System.out.printf("seed %d: NF4's relative error beside an outlier is %.5f%n", SEED, error);
            assertEquals(1, error / theoreticalNf4Error(), 0.05);
        }
    }

    @Test
    void nf4KeepsItsOwnCodeBook() {
        float[] codes = NormalFloat.values();
        double[] values = new double[64];
        for (int i = 0; i < 64; i++) {
            values[i] = codes[i % 16];
        }
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(LoadIn.NF4, matrix(values, 1, 64), Dtype.F32, false)) {
            assertArrayEquals(values, Tensors.toDoubles(weight.dense()));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void tilesArePartsOfTheWhole(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(loadIn, matrix(normal(300 * 200, SEED), 300, 200), Dtype.BF16, false)) {
            Tensor dense = weight.dense();
            assertEquals(Dtype.BF16, Dtype.of(dense));
            assertTrue(Tensors.bitEqual(dense.narrow(0, 17, 130), weight.rows(17, 130)));
            assertTrue(Tensors.bitEqual(dense.narrow(1, 64, 100), weight.columns(64, 100)));
            assertTrue(Tensors.bitEqual(dense.narrow(1, 128, 72), weight.columns(128, 72)));
            assertFalse(weight.isWritable());
        }
    }

    /** Rows of five blocks, so that 256 constants are no whole number of rows; and more ids than a tile has. */
    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void rowsByIdAreRowsOfTheWhole(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(loadIn, matrix(normal(700 * 300, SEED), 700, 300), Dtype.BF16, false)) {
            SplittableRandom random = new SplittableRandom(SEED);
            Tensor ids = Tensors.of(random.longs(6000, 0, 700).toArray(), 3, 2000);
            Tensor rows = weight.lookup(ids, 5);
            Tensor expected = new DenseWeight(weight.dense()).lookup(ids, -1);
            assertEquals(Shapes.text(new long[] {3, 2000, 300}), Shapes.text(Shapes.of(rows)));
            assertTrue(Tensors.bitEqual(expected, rows));
            assertTrue(Tensors.bitEqual(
                    expected.select(0, 1).select(0, 4),
                    weight.lookup(ids.select(0, 1).select(0, 4), -1)));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void partAfterPartIsTheWhole(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope()) {
            Tensor whole = matrix(normal(90 * 130, SEED), 90, 130);
            QuantizedWeight.Builder builder =
                    QuantizedWeight.builder(loadIn, 90, 130, Dtype.F32, DeviceSpec.CPU, false);
            for (long start = 0; start < 90; start += 40) {
                builder.put(start, whole.narrow(0, start, Math.min(40, 90 - start)));
            }
            try (QuantizedWeight parts = builder.build();
                    QuantizedWeight once = QuantizedWeight.of(loadIn, whole, Dtype.F32, false)) {
                assertTrue(Tensors.bitEqual(once.dense(), parts.dense()));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void zerosStayZerosAndBadNumbersAreRefused(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope()) {
            Tensor zeros = matrix(new double[3 * 70], 3, 70);
            try (QuantizedWeight weight = QuantizedWeight.of(loadIn, zeros, Dtype.F32, false)) {
                assertArrayEquals(new double[3 * 70], Tensors.toDoubles(weight.dense()));
            }
            for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
                Tensor matrix = zeros.clone();
                matrix.select(0, 1).select(0, 5).fill_(new Scalar(bad));
                assertThrows(ConfigException.class, () -> QuantizedWeight.of(loadIn, matrix, Dtype.F32, false));
            }
        }
    }

    @Test
    void aWrongInputIsRefused() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.INT8, matrix(normal(12, 1), 3, 4), Dtype.F32, false)) {
            assertThrows(ShapeException.class, () -> weight.product(matrix(normal(15, 1), 3, 5), null));
        }
    }

    @Test
    void bytesANumber() {
        int out = 512;
        int in = 2048;
        SplittableRandom random = new SplittableRandom(SEED);
        double[] values = random.doubles((long) out * in, -1, 1).toArray();
        try (NativeScope scope = new NativeScope();
                QuantizedWeight nf4 = QuantizedWeight.of(LoadIn.NF4, matrix(values, out, in), Dtype.BF16, false);
                QuantizedWeight int8 = QuantizedWeight.of(LoadIn.INT8, matrix(values, out, in), Dtype.BF16, false)) {
            long numbers = (long) out * in;
            long scales = numbers / 64 / 256;
            assertEquals(numbers / 2 + numbers / 64 + 4 * (scales + 1), nf4.bytes());
            assertEquals(numbers + 4 * out, int8.bytes());
        }
    }
}
