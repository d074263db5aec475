package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Tensors;

class DropoutTest {
    private static Tensor ones(long... shape) {
        return torch.ones(shape, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }

    /** As many as are asked for, all others larger, so that the mean stays; the gradient is that of the ones that stay. */
    @ParameterizedTest
    @ValueSource(doubles = {0.001, 0.1, 0.25, 0.5, 0.9, 0.999})
    void aShareIsDroppedAndTheMeanStays(double share) {
        try (NativeScope scope = new NativeScope();
                RandomStream stream = RandomStream.open(5)) {
            // no multiple of four, in which random numbers come
            Tensor x = ones(101, 1001);
            x.set_requires_grad(true);
            Tensor y = Dropout.apply(x, share, true);
            double kept = y.detach()
                    .ne(new Scalar(0.0))
                    .to(Dtype.F64.scalarType())
                    .mean()
                    .item_double();
            double deviation = Math.sqrt(share * (1 - share) / x.numel());
            assertEquals(1 - share, kept, 5 * deviation);
            assertEquals(1 / (1 - share), y.detach().max().item_double(), 0.02 / (1 - share));
            assertEquals(1, y.detach().mean().item_double(), 5 * deviation / (1 - share) + 0.02);
            y.sum().backward();
            assertEquals(0, x.grad().sub(y.detach()).abs().max().item_double());
        }
    }

    /** Neighbours, and numbers four apart, which are parts of one random number and of the next, know nothing of each other. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 8, 1000})
    void whatIsDroppedIsIndependent(int apart) {
        try (NativeScope scope = new NativeScope();
                RandomStream stream = RandomStream.open(6)) {
            long count = 200_000;
            Tensor dropped =
                    Dropout.apply(ones(count), 0.5, true).eq(new Scalar(0.0)).to(Dtype.F64.scalarType());
            double both = dropped.narrow(0, apart, count - apart)
                    .mul(dropped.narrow(0, 0, count - apart))
                    .mean()
                    .item_double();
            assertEquals(0.25, both, 5 * Math.sqrt(0.25 * 0.75 / count));
        }
    }

    @Test
    void aStreamOfTheSameSeedDropsTheSame() {
        try (NativeScope scope = new NativeScope()) {
            Tensor[] y = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                try (RandomStream stream = RandomStream.open(i / 2)) {
                    y[i] = Dropout.apply(ones(1000), 0.5, true);
                }
            }
            assertEquals(0, y[0].sub(y[1]).abs().max().item_double());
            assertTrue(y[0].sub(y[2]).abs().max().item_double() > 0);
        }
    }

    @Test
    void nothingIsDroppedOutsideOfTrainingOrWithoutAShare() {
        try (NativeScope scope = new NativeScope()) {
            Tensor x = ones(3);
            assertSame(x, Dropout.apply(x, 0.5, false));
            assertSame(x, Dropout.apply(x, 0, true));
        }
    }
}
