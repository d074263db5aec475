package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The product by one function beside activation and product by two of libtorch's. */
class GatedActivationTest {
    @ParameterizedTest
    @EnumSource
    void valuesAndGradientsAreThoseOfTheOperationsOneByOne(Activation activation) {
        for (Dtype dtype : new Dtype[] {Dtype.F64, Dtype.F32, Dtype.BF16}) {
            torch.manual_seed(3);
            try (NativeScope scope = new NativeScope()) {
                Tensor gate = random(dtype, 7, 48);
                Tensor up = random(dtype, 7, 48);
                compare(activation, gate, up, random(dtype, 7, 48));
                // an expert that no token chose
                compare(activation, gate.narrow(0, 0, 0), up.narrow(0, 0, 0), random(dtype, 0, 48));
            }
        }
    }

    private static void compare(Activation activation, Tensor gate, Tensor up, Tensor gradient) {
        Tensor g = leaf(gate);
        Tensor u = leaf(up);
        Tensor expected = activation.apply(g).mul(u);
        expected.mul(gradient).sum().backward();
        Tensor ownG = leaf(gate);
        Tensor ownU = leaf(up);
        Tensor y = GatedActivation.of(activation, ownG, ownU);
        y.mul(gradient).sum().backward();
        assertTrue(Tensors.bitEqual(expected.detach(), y.detach()));
        assertTrue(Tensors.bitEqual(g.grad(), ownG.grad()), "of the gate, by " + activation);
        assertTrue(Tensors.bitEqual(u.grad(), ownU.grad()));
        assertTrue(Tensors.bitEqual(gate, ownG.detach()));
    }

    /** Gate and up of one product. */
    @Test
    void partsOfOneTensorGetTheirPartsOfItsGradient() {
        torch.manual_seed(4);
        try (NativeScope scope = new NativeScope()) {
            Tensor data = random(Dtype.F64, 5, 32);
            Tensor gradient = random(Dtype.F64, 5, 16);
            Tensor both = leaf(data);
            Activation.SILU
                    .apply(both.narrow(-1, 0, 16))
                    .mul(both.narrow(-1, 16, 16))
                    .mul(gradient)
                    .sum()
                    .backward();
            Tensor own = leaf(data);
            GatedActivation.of(Activation.SILU, own.narrow(-1, 0, 16), own.narrow(-1, 16, 16))
                    .mul(gradient)
                    .sum()
                    .backward();
            assertEquals(0, both.grad().sub(own.grad()).abs().max().item_double(), 1e-15);
        }
    }

    /** As where the layer of one of them is not trained, nor what it reads. */
    @Test
    void oneOfThemMayBeFrozen() {
        torch.manual_seed(5);
        try (NativeScope scope = new NativeScope()) {
            Tensor gate = random(Dtype.F64, 5, 16);
            Tensor up = leaf(random(Dtype.F64, 5, 16));
            // the gradient that comes is one number
            GatedActivation.of(Activation.SILU, gate, up).sum().backward();
            assertEquals(0, up.grad().sub(torch.silu(gate)).abs().max().item_double(), 1e-15);
            Tensor learnt = leaf(gate);
            GatedActivation.of(Activation.SILU, learnt, up.detach()).sum().backward();
            Tensor expected = torch.silu_backward(up.detach(), gate);
            assertEquals(0, learnt.grad().sub(expected).abs().max().item_double(), 1e-15);
        }
    }

    private static Tensor random(Dtype dtype, long rows, long columns) {
        return torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F64, DeviceSpec.CPU))
                .to(dtype.scalarType());
    }

    private static Tensor leaf(Tensor data) {
        Tensor leaf = data.detach().clone();
        leaf.set_requires_grad(true);
        return leaf;
    }
}
