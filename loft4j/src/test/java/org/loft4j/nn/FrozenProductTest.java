package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class FrozenProductTest {
    private static final int IN = 520;
    private static final int OUT = 2600;
    private static final int ROWS = 100;

    @BeforeAll
    static void whereItIsUsed() {
        Assumptions.assumeTrue(Engine.hasSmallKernels(), "OpenBLAS has no small kernels for this processor");
    }

    /** The weight may be a view that is gone by the backward pass, as an expert's is; the gradient may be one row for all. */
    @Test
    void productAndGradientAreThoseOfFloat64() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                Tensor stack = values(random, 2, OUT, IN);
                Tensor bias = values(random, OUT);
                Tensor x = values(random, 2, ROWS, IN);
                x.set_requires_grad(true);
                Tensor y;
                try (NativeScope inner = new NativeScope()) {
                    y = inner.toEnclosing(FrozenProduct.of(x, stack.select(0, 1), bias));
                }
                y.view(-1, OUT).sum(0).mul(bias).sum().backward();
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    Tensor wide = stack.select(0, 1).to(Dtype.F64.scalarType());
                    Tensor exact = x.to(Dtype.F64.scalarType()).matmul(wide.t()).add(bias);
                    assertTrue(off(y, exact) < 1e-5, "y: " + off(y, exact));
                    Tensor gradient = bias.to(Dtype.F64.scalarType())
                            .unsqueeze(0)
                            .mm(wide)
                            .expand(2 * ROWS, IN)
                            .reshape(2, ROWS, IN);
                    assertTrue(off(x.grad(), gradient) < 1e-5, "∂x: " + off(x.grad(), gradient));
                }
            }
            AutogradFunction.sweep();
        });
    }

    @Test
    void whatIsSmallTrainedOrWideIsLeftToLibtorch() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                Tensor weight = values(random, OUT, IN);
                Tensor x = values(random, 2 * ROWS, IN);
                assertEquals(2, FrozenProduct.of(x, weight, null).dim());
                assertNull(FrozenProduct.of(x.narrow(0, 0, ROWS), weight, null));
                assertNull(FrozenProduct.of(x.to(Dtype.F64.scalarType()), weight.to(Dtype.F64.scalarType()), null));
                assertNull(FrozenProduct.of(torch.zeros(400, 1700), torch.zeros(500, 1700), null));
                weight.set_requires_grad(true);
                assertNull(FrozenProduct.of(x, weight, null));
            }
        });
    }

    private static double off(Tensor found, Tensor exact) {
        return found.detach().sub(exact).abs().max().item_double()
                / exact.abs().max().item_double();
    }

    private static Tensor values(Random random, int... shape) {
        long[] sizes = new long[shape.length];
        int count = 1;
        for (int i = 0; i < shape.length; i++) {
            sizes[i] = shape[i];
            count *= shape[i];
        }
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensors.of(values, sizes);
    }

    private static void inLane(Runnable check) {
        Lanes.run(2, lane -> {
            if (lane == 0) {
                check.run();
            }
        });
    }
}
