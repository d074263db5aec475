package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ShapeException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Strips beside libtorch's operations, in float64. */
class RmsNormTest {
    private static final double EPS = 0.01;

    /** Few numbers, which libtorch does, a strip, whole ones, and strips that end within, of a width that a strip is no multiple of. */
    @ParameterizedTest
    @ValueSource(strings = {"1x512", "128x512", "129x512", "512x512", "1024x512", "1100x512", "1200x448", "5x70000"})
    void valuesAndGradientsAreThoseOfTheOperationsOneByOne(String shape) {
        long rows = Long.parseLong(shape.split("x")[0]);
        long width = Long.parseLong(shape.split("x")[1]);
        torch.manual_seed(7);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = random(width);
            Tensor x = random(rows, width);
            compare(new RmsNorm("norm", w, EPS), w, x, random(rows, width));
            Tensor turned = random(width, rows).t();
            compare(new RmsNorm("norm", w, EPS), w, turned, random(1, width).expand(rows, width));
            compare(new RmsNorm("norm", w.sub(new Scalar(1.0)), EPS, true), w, x, random(rows, width));
        }
    }

    @Test
    void headsAreRowsOfTheirOwn() {
        torch.manual_seed(8);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = random(64);
            Tensor heads = random(2, 700, 12, 64).narrow(2, 3, 4);
            compare(new RmsNorm("norm", w, EPS), w, heads, random(2, 700, 4, 64));
        }
    }

    private static void compare(RmsNorm norm, Tensor w, Tensor data, Tensor gradient) {
        long[] shape = {w.size(0)};
        Tensor x = leaf(data);
        Tensor expected = torch.rms_norm(x, shape, new TensorOptional(w), new DoubleOptional(EPS));
        expected.mul(gradient).sum().backward();
        Tensor own = leaf(data);
        Tensor y = norm.forward(own);
        y.mul(gradient).sum().backward();
        assertEquals(0, difference(y, expected), 1e-13);
        assertEquals(0, difference(own.grad(), x.grad()), 1e-13);
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            assertTrue(
                    Tensors.bitEqual(y.detach().contiguous(), norm.forward(own).contiguous()));
        }
    }

    /** x may be on two ways at once, as where a norm's part is added to what it was computed of. */
    @Test
    void theGradientOfAnotherUseOfTheInputIsAddedAndNotChanged() {
        torch.manual_seed(9);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = random(512);
            Tensor data = random(600, 512);
            Tensor x = leaf(data);
            Tensor twice = x.mul(new Scalar(2.0));
            twice.add(torch.rms_norm(twice, new long[] {512}, new TensorOptional(w), new DoubleOptional(EPS)))
                    .sum()
                    .backward();
            Tensor own = leaf(data);
            Tensor ownTwice = own.mul(new Scalar(2.0));
            ownTwice.add(new RmsNorm("norm", w, EPS).forward(ownTwice)).sum().backward();
            assertEquals(0, difference(own.grad(), x.grad()), 1e-13);
        }
    }

    /** Values as libtorch's, to the last bit; gradients are rounded once. In strips from 65,536 numbers. */
    @ParameterizedTest
    @CsvSource({"Half, 200", "Half, 1100", "BFloat16, 200", "BFloat16, 1100"})
    void halfTypesAreWidenedWithin(String type, long rows) {
        torch.ScalarType half = torch.ScalarType.valueOf(type);
        torch.manual_seed(11);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = random(512).to(half);
            Tensor data = random(rows, 512).to(half);
            Tensor gradient = random(rows, 512).to(half);
            Tensor y = new RmsNorm("norm", w, EPS).forward(data);
            Tensor expected = torch.rms_norm(data, new long[] {512}, new TensorOptional(w), new DoubleOptional(EPS));
            assertTrue(Tensors.bitEqual(y, expected));

            Tensor exact = leaf(data.to(torch.ScalarType.Double));
            torch.rms_norm(
                            exact,
                            new long[] {512},
                            new TensorOptional(w.to(torch.ScalarType.Double)),
                            new DoubleOptional(EPS))
                    .mul(gradient)
                    .sum()
                    .backward();
            Tensor x = leaf(data);
            new RmsNorm("norm", w, EPS).forward(x).mul(gradient).sum().backward();
            // rounded once, from float32: half a unit in the last place, and what float32 is off
            double unit = half == torch.ScalarType.Half ? 0x1p-11 : 0x1p-8;
            Tensor off = x.grad().to(torch.ScalarType.Double).sub(exact.grad()).abs();
            assertTrue(off.le(exact.grad().abs().mul(new Scalar(unit)).add(new Scalar(1e-5)))
                    .all()
                    .item_bool());
        }
    }

    @Test
    void aWeightThatIsTrainedGetsItsGradient() {
        torch.manual_seed(10);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = leaf(random(512));
            Tensor x = random(600, 512);
            Tensor y = new RmsNorm("norm", w, EPS).forward(x);
            y.sum().backward();
            assertEquals(0, difference(w.grad(), y.detach().div(w.detach()).sum(0)), 1e-13);
        }
    }

    @Test
    void anotherWidthIsRefused() {
        try (NativeScope scope = new NativeScope()) {
            RmsNorm norm = new RmsNorm("model.norm.weight", random(4), EPS);
            ShapeException refused = assertThrows(ShapeException.class, () -> norm.forward(random(2, 8)));
            assertEquals("model.norm.weight takes (…, 4), got (2, 8)", refused.getMessage());
        }
    }

    private static Tensor random(long... shape) {
        return torch.randn(shape).to(torch.ScalarType.Double);
    }

    private static Tensor leaf(Tensor data) {
        Tensor leaf = data.detach();
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static double difference(Tensor a, Tensor b) {
        return a.detach().sub(b.detach()).abs().max().item_double();
    }
}
