package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class StretchTest {
    private static final float[] EXCESS = {0, 0.01f, 3, -0.5f, -0.75f, -0.99f, -0.9999f, -0.999999f, -1, -1.5f};

    /** Relative error, of a sum of 512 products; what a half type's y has lost below its least number has no part in it. */
    @ParameterizedTest
    @CsvSource({"F32, 1e-5", "BF16, 2e-2", "F16, 2e-2"})
    void resultAndGradientsAreThoseOfTheProduct(Dtype type, double tolerance) {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(7);
            Tensor v = torch.randn(new long[] {512, EXCESS.length}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(type.scalarType());
            Tensor ofY = torch.randn(new long[] {512, EXCESS.length}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(type.scalarType());
            // what is learnt goes one way
            ofY = ofY.abs().mul(v.sign());
            Tensor e = Tensors.of(EXCESS, EXCESS.length).set_requires_grad(true);
            Tensor leaf = v.clone().set_requires_grad(true);
            Tensor y = Stretch.of(leaf.clone(), e);
            y.backward(
                    ofY,
                    new org.bytedeco.pytorch.BoolOptional(),
                    false,
                    new org.bytedeco.pytorch.TensorArrayRefOptional());
            AutogradFunction.sweep();

            Tensor exact = e.detach().to(ScalarType.Double).add(new org.bytedeco.pytorch.Scalar(1.0));
            Tensor wideV = v.to(ScalarType.Double);
            Tensor wideOfY = ofY.to(ScalarType.Double);
            Tensor ofE = wideOfY.mul(wideV).sum(0);
            Tensor off = e.grad().to(ScalarType.Double).sub(ofE).div(ofE).abs().max();
            assertTrue(off.item_double() < tolerance, "∂e is off by " + off.item_double());
            Tensor offV = leaf.grad()
                    .to(ScalarType.Double)
                    .sub(wideOfY.mul(exact))
                    .abs()
                    .max();
            assertTrue(offV.item_double() < 10 * tolerance, "∂v is off by " + offV.item_double());
            Tensor offY =
                    y.detach().to(ScalarType.Double).sub(wideV.mul(exact)).abs().max();
            assertTrue(offY.item_double() < 10 * tolerance, "y is off by " + offY.item_double());

            try (AutoGradMode frozen = new AutoGradMode(false)) {
                assertEquals(
                        0, Stretch.of(v.clone(), e).select(1, 8).abs().max().item_double());
            }
        }
    }
}
