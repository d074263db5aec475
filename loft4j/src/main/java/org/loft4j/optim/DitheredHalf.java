package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Weights and moments in float16 or bfloat16. A step changes them by less than half of their last digit: rounded to nearest most
 * weights would never move, and a second moment never decay. The point from which one is rounded up moves evenly over the whole of
 * the last digit, from step to step as in {@link DitheredBfloat16} and from element to element, so that what is kept is right in the
 * mean and no step moves all of one sign together.
 */
final class DitheredHalf {
    /** From one element to the next, of 2¹⁶: near √2 − 1, and odd, so that every point comes once. */
    private static final int STRIDE = 27145;

    private DitheredHalf() {}

    /** Whether a tensor is of such a type. */
    static boolean holds(Tensor tensor) {
        return Dtype.of(tensor).isHalf();
    }

    /**
     * {@code kept ← exact}. Below float16's normal numbers (6e-5) what is kept is the nearest.
     *
     * @param exact float32, of the shape and layout of {@code kept}; overwritten
     * @param t number of the step
     */
    static void write(Tensor kept, Tensor exact, long t) {
        // digits of float32 that the type has not
        int dropped = 1 << (Dtype.of(kept) == Dtype.BF16 ? 16 : 13);
        Tensor up = torch.arange(new Scalar(exact.numel()), Tensors.options(Dtype.I32, DeviceSpec.of(exact)))
                .mul_(new Scalar(STRIDE))
                .add_(new Scalar(DitheredBfloat16.point(t, dropped)))
                .bitwise_and_(new Scalar(dropped - 1));
        exact.view(ScalarType.Int).add_(up.view(Shapes.of(exact))).bitwise_and_(new Scalar(-dropped));
        kept.copy_(exact);
    }
}
