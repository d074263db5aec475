package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.Dropout;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Tensors;

class DroppedProductTest {
    private static final long SEED = 5;
    private static final int ROWS = 7;
    private static final int IN = 30;
    private static final int RANK = 3;

    private static Tensor leaf(Dtype dtype, long... shape) {
        Tensor values =
                torch.randn(shape, Tensors.options(Dtype.F64, DeviceSpec.CPU)).to(dtype.scalarType());
        values.set_requires_grad(true);
        return values;
    }

    private static Tensor exact(Tensor values) {
        return values.detach().to(Dtype.F64.scalarType());
    }

    private static void requireSame(Tensor found, Tensor exact, double tolerance) {
        double off = exact(found).sub(exact).abs().max().item_double()
                / exact.abs().max().item_double();
        assertTrue(off < tolerance, "off by " + off);
    }

    private static Tensor dropped(Tensor x, double share) {
        try (RandomStream stream = RandomStream.open(SEED)) {
            return exact(x).mul(Dropout.drawn(x, share)).mul(new Scalar(Dropout.kept(share)));
        }
    }

    private static Tensor product(Tensor x, Tensor a, double share) {
        try (RandomStream stream = RandomStream.open(SEED)) {
            return DroppedProduct.of(x, a, share);
        }
    }

    @ParameterizedTest
    @CsvSource({"F64, 0.1, 1e-14", "F32, 0.5, 1e-6", "BF16, 0.25, 2e-2", "F16, 0.25, 2e-3"})
    void valueAndGradientsAreThoseOfDropoutAndAProduct(Dtype dtype, double share, double tolerance) {
        try (NativeScope scope = new NativeScope()) {
            torch.manual_seed(SEED);
            Tensor x = leaf(dtype, ROWS, IN);
            Tensor a = leaf(dtype, RANK, IN);
            Tensor left = dropped(x, share);
            assertTrue(left.eq(new Scalar(0.0)).any().item_bool(), "nothing was dropped");
            Tensor z = product(x, a, share);
            assertEquals(dtype, Dtype.of(z));
            requireSame(z, left.mm(exact(a).t()), tolerance);

            Tensor weights = leaf(dtype, ROWS, RANK).detach();
            z.mul(weights).sum().backward();
            // the number that stays is left/x times itself
            Tensor slope = left.div(exact(x));
            requireSame(x.grad(), exact(weights).mm(exact(a)).mul(slope), tolerance);
            requireSame(a.grad(), exact(weights).t().mm(left), tolerance);
        }
    }

    /** LoRA-FA's, which needs no input. */
    @Test
    void theInputOfAFrozenFactorIsNotKept() {
        try (NativeScope scope = new NativeScope()) {
            Tensor x = leaf(Dtype.F64, ROWS, IN);
            Tensor a = leaf(Dtype.F64, RANK, IN);
            a.set_requires_grad(false);
            Tensor slope = dropped(x, 0.5).div(exact(x));
            Tensor z = product(x, a, 0.5);
            x.detach().zero_();
            z.sum().backward();
            requireSame(x.grad(), a.sum(0).expand(ROWS, IN).mul(slope), 1e-14);
            assertFalse(a.grad().defined());
        }
    }

    @Test
    void anInputWithoutAGradientGetsNone() {
        try (NativeScope scope = new NativeScope()) {
            Tensor x = leaf(Dtype.F64, ROWS, IN).detach();
            Tensor a = leaf(Dtype.F64, RANK, IN);
            product(x, a, 0.5).sum().backward();
            requireSame(a.grad(), dropped(x, 0.5).sum(0).expand(RANK, IN), 1e-14);
            assertFalse(x.grad().defined());
        }
    }

    @Test
    void nothingIsLeftOfIt() {
        for (int i : List.of(0, 1)) {
            AutogradFunction.sweep();
            long before = NativeScope.liveObjects();
            try (NativeScope scope = new NativeScope()) {
                product(leaf(Dtype.F32, ROWS, IN), leaf(Dtype.F32, RANK, IN), 0.5)
                        .sum()
                        .backward();
            }
            AutogradFunction.sweep();
            assertEquals(before, NativeScope.liveObjects(), "call " + i);
        }
    }
}
