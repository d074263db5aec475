package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rounds a moving average to bfloat16. A step changes it by a thousandth, less than half of bfloat16's last digit: rounded to
 * nearest it would never decay. Here the point from which it is rounded up moves from step to step over the whole of the last
 * digit, evenly (multiples of the golden section), so that what is kept is right in the mean over a few steps.
 */
final class DitheredBfloat16 {
    private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;
    private static final int DROPPED = 1 << 16;

    private DitheredBfloat16() {}

    /** @param exact float32, contiguous; overwritten */
    static Tensor round(Tensor exact, long t) {
        exact.view(ScalarType.Int).add_(new Scalar(point(t, DROPPED))).bitwise_and_(new Scalar(-DROPPED));
        return exact.to(ScalarType.BFloat16);
    }

    /** What is added at step t before what is below a multiple of {@code dropped} is cut off. */
    static int point(long t, int dropped) {
        double turn = t * GOLDEN;
        return (int) ((turn - Math.floor(turn)) * dropped);
    }
}
