package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class HalfRowsTest {
    private static final int EXPERTS = 6;
    private static final int HIDDEN = 32;
    private static final int WIDTH = 16;
    private static final int CHOSEN = 2;

    @Test
    void thereAreEightNumbersBetweenAPowerOfTwoAndTheNext() {
        assertArrayEquals(
                new long[] {0, 1, 15, 16, 18, 36, 128, 144, 512, 576},
                LongStream.of(0, 1, 15, 16, 17, 33, 128, 129, 511, 513)
                        .map(HalfRows::upFrom)
                        .toArray());
        for (long power = 16; power < 1 << 20; power *= 2) {
            assertEquals(
                    8,
                    LongStream.range(power, 2 * power)
                            .filter(rows -> HalfRows.upFrom(rows) == rows)
                            .count(),
                    "from " + power);
        }
    }

    @Test
    void numbersUpToOneAreCounted() {
        for (long most = 1; most < 3000; most++) {
            assertEquals(
                    LongStream.rangeClosed(1, most)
                            .map(HalfRows::upFrom)
                            .distinct()
                            .count(),
                    HalfRows.upTo(most),
                    "up to " + most);
        }
        assertEquals(38, HalfRows.upFrom(37, 38));
        assertEquals(40, HalfRows.upFrom(37, 64));
        assertEquals(37, HalfRows.upFrom(37, 20));
    }

    @Test
    void zerosComeBehindRowsOfHalfTypesAlone() {
        try (NativeScope scope = new NativeScope()) {
            Tensor rows = torch.ones(new long[] {17, 3}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            assertSame(rows, HalfRows.filled(rows));
            Tensor half = rows.to(Dtype.BF16.scalarType());
            Tensor filled = HalfRows.filled(half);
            assertEquals(18, filled.size(0));
            assertTrue(filled.narrow(0, 0, 17).equal(half));
            assertEquals(0, filled.select(0, 17).abs().sum().item_double());
            assertSame(filled, HalfRows.filled(filled));
        }
    }

    private static Tensor matrix(Dtype dtype, int seed, long... shape) {
        torch.manual_seed(seed);
        // numbers that bfloat16 has too
        return torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                .mul(new Scalar(0.3))
                .to(Dtype.BF16.scalarType())
                .to(dtype.scalarType());
    }

    /** @param seen is told how many rows each product of an expert has */
    private static MixtureOfExperts mixture(Dtype dtype, List<Long> seen) {
        List<FeedForward.Gated> experts = new ArrayList<>();
        for (int e = 0; e < EXPERTS; e++) {
            Linear down = new Linear("down" + e, matrix(dtype, 3 * e, HIDDEN, WIDTH), null);
            down.setForward((base, x) -> {
                seen.add(x.size(0));
                return base.baseForward(x);
            });
            experts.add(new FeedForward.Gated(
                    new Linear("gate" + e, matrix(dtype, 3 * e + 1, WIDTH, HIDDEN), null),
                    new Linear("up" + e, matrix(dtype, 3 * e + 2, WIDTH, HIDDEN), null),
                    down,
                    Activation.SILU));
        }
        return new MixtureOfExperts(
                new Linear("router", matrix(dtype, 99, EXPERTS, HIDDEN), null),
                new Experts.Apart("experts", experts),
                CHOSEN,
                true);
    }

    /** Experts get such numbers of rows in bfloat16, and what comes out, and every gradient, is that of float32, which gets no more than it needs. */
    @Test
    void expertsOfAMixtureGetSuchNumbersOfRows() {
        try (NativeScope scope = new NativeScope()) {
            int tokens = 203;
            List<Long> rows = new ArrayList<>();
            List<Long> wideRows = new ArrayList<>();
            MixtureOfExperts half = mixture(Dtype.BF16, rows);
            MixtureOfExperts wide = mixture(Dtype.F32, wideRows);
            List<Tensor> found = new ArrayList<>();
            for (MixtureOfExperts mixture : List.of(half, wide)) {
                Dtype dtype = mixture == half ? Dtype.BF16 : Dtype.F32;
                List<Tensor> learnt = new ArrayList<>(List.of(matrix(dtype, 7, tokens, HIDDEN)));
                mixture.linears().forEach(linear -> learnt.add(linear.weight()));
                learnt.forEach(tensor -> tensor.set_requires_grad(true));
                Tensor y = mixture.forward(learnt.get(0));
                y.backward(matrix(dtype, 8, tokens, HIDDEN), new BoolOptional(), false, new TensorArrayRefOptional());
                found.add(y);
                learnt.forEach(tensor -> found.add(tensor.grad()));
            }
            assertEquals(
                    tokens * CHOSEN, wideRows.stream().mapToLong(count -> count).sum());
            assertEquals(wideRows.stream().map(HalfRows::upFrom).toList(), rows);
            assertTrue(rows.stream().mapToLong(count -> count).sum() > tokens * CHOSEN, "none was added: " + rows);
            int each = found.size() / 2;
            IntStream.range(0, each).forEach(i -> {
                Tensor exact = found.get(each + i);
                double off = found.get(i)
                        .to(Dtype.F32.scalarType())
                        .sub(exact)
                        .norm()
                        .item_double();
                assertTrue(off < 0.02 * exact.norm().item_double(), i + " is off by " + off);
            });
        }
    }
}
