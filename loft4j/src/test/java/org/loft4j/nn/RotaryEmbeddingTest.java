package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The rotation of many numbers, whose gradient is a function of our own, beside libtorch's operations and their gradients. */
class RotaryEmbeddingTest {
    private static final double BASE = 10_000;
    private static final long ROWS = 2;
    private static final long LENGTH = 550;
    private static final long HEADS = 3;
    private static final long HEAD_DIM = 64;

    @ParameterizedTest
    @CsvSource({"64, false", "64, true", "32, false", "32, true", "2, true"})
    void valuesAndGradientsAreThoseOfTheOperationsOneByOne(int dim, boolean neighbours) {
        torch.manual_seed(11);
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary = rotary(dim, Dtype.F64, neighbours)) {
            Tensor first = torch.arange(new Scalar(5), new Scalar(5 + LENGTH), doubles());
            RotaryEmbedding.Rotation range = rotary.range(5, LENGTH);
            UnaryOperator<Tensor> expected = x -> turned(x, first.unsqueeze(0), dim, neighbours);
            compare(expected, range::apply, random(HEADS), random(HEADS));
            // a part of a wider projection, whose rows are not one after the other, and a gradient that is one number
            compare(
                    expected,
                    range::apply,
                    random(HEADS + 4).narrow(2, 1, HEADS),
                    random(1).narrow(3, 0, 1).expand(ROWS, LENGTH, HEADS, HEAD_DIM));
            Tensor at = torch.randint(900, new long[] {ROWS, LENGTH}, doubles());
            RotaryEmbedding.Rotation given = rotary.at(at.to(Dtype.I64.scalarType()), 900);
            compare(x -> turned(x, at, dim, neighbours), given::apply, random(HEADS), random(HEADS));
        }
    }

    /** Keys may be values as well, as in Gemma 4. */
    @Test
    void whatIsRotatedStaysForOthersAndGetsTheGradientsOfBoth() {
        torch.manual_seed(12);
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary = rotary(64, Dtype.F64, false)) {
            RotaryEmbedding.Rotation range = rotary.range(0, LENGTH);
            Tensor positions = torch.arange(new Scalar(LENGTH), doubles()).unsqueeze(0);
            compare(
                    x -> turned(x.mul(new Scalar(2.0)), positions, 64, false).add(x.square()),
                    x -> {
                        Tensor twice = x.mul(new Scalar(2.0));
                        Tensor y = range.apply(twice);
                        return y.add(twice.square().div(new Scalar(4.0)));
                    },
                    random(HEADS),
                    random(HEADS));
        }
    }

    /** Few numbers go another way. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void digitsDoNotDependOnHowManyNumbersThereAre(Dtype dtype) {
        torch.manual_seed(13);
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary = rotary(64, dtype, false)) {
            Tensor x = random(HEADS).to(dtype.scalarType());
            Tensor all = rotary.range(0, LENGTH).apply(x);
            for (long start = 0; start < LENGTH; start += 110) {
                assertTrue(Tensors.bitEqual(
                        all.narrow(1, start, 110).contiguous(),
                        rotary.range(start, 110).apply(x.narrow(1, start, 110)).contiguous()));
            }
        }
    }

    /** Tables of more rows than there are would be more numbers than the result has. */
    @Test
    void positionsOfOtherRowsAreRefused() {
        try (NativeScope scope = new NativeScope();
                RotaryEmbedding rotary = rotary(64, Dtype.F64, false)) {
            Tensor at = Tensors.zeros(Dtype.I64, DeviceSpec.CPU, 4, 2 * LENGTH);
            Tensor oneRow = random(HEADS).view(1, 2 * LENGTH, HEADS, HEAD_DIM);
            assertThrows(RuntimeException.class, () -> rotary.at(at, 1).apply(oneRow));
        }
    }

    private static void compare(
            UnaryOperator<Tensor> operations, UnaryOperator<Tensor> function, Tensor data, Tensor gradient) {
        Tensor x = leaf(data);
        Tensor expected = operations.apply(x);
        expected.mul(gradient).sum().backward();
        Tensor own = leaf(data);
        Tensor y = function.apply(own);
        y.mul(gradient).sum().backward();
        assertEquals(0, difference(y, expected), 1e-12);
        assertEquals(0, difference(own.grad(), x.grad()), 1e-12);
        assertEquals(0, difference(own, data), 0);
    }

    /** @param positions {@code (rows or 1, seq)} */
    private static Tensor turned(Tensor x, Tensor positions, int dim, boolean neighbours) {
        Tensor exponents = torch.arange(new Scalar(dim / 2), doubles()).mul(new Scalar(-2.0 / dim));
        Tensor angles = positions
                .unsqueeze(-1)
                .mul(torch.pow(new Scalar(BASE), exponents))
                .unsqueeze(2);
        Tensor pairs = neighbours
                ? x.narrow(-1, 0, dim).unflatten(-1, dim / 2, 2)
                : x.narrow(-1, 0, dim).unflatten(-1, 2, dim / 2).transpose(-1, -2);
        Tensor a = pairs.select(-1, 0);
        Tensor b = pairs.select(-1, 1);
        Tensor c = a.mul(angles.cos()).sub(b.mul(angles.sin()));
        Tensor d = b.mul(angles.cos()).add(a.mul(angles.sin()));
        Tensor both = neighbours
                ? torch.stack(new TensorVector(c, d), -1).flatten(-2, -1)
                : torch.cat(new TensorVector(c, d), -1);
        return torch.cat(new TensorVector(both, x.narrow(-1, dim, HEAD_DIM - dim)), -1);
    }

    private static RotaryEmbedding rotary(int dim, Dtype dtype, boolean neighbours) {
        return new RotaryEmbedding(dim, BASE, new RopeScaling.None(), dtype, DeviceSpec.CPU, neighbours);
    }

    private static Tensor random(long heads) {
        return torch.randn(new long[] {ROWS, LENGTH, heads, HEAD_DIM}, doubles());
    }

    private static TensorOptions doubles() {
        return Tensors.options(Dtype.F64, DeviceSpec.CPU);
    }

    private static Tensor leaf(Tensor data) {
        Tensor leaf = data.detach().clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static double difference(Tensor a, Tensor b) {
        return a.detach().sub(b.detach()).abs().max().item_double();
    }
}
