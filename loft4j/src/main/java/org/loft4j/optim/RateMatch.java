package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * Makes up for the part of the full gradient that the factors cannot follow. With G the full gradient, T its part that they
 * can, and AdamW's quotient near the sign of what it sees, a step at rate η lowers the loss by about {@code η·‖G‖₁} on W, and by
 * {@code η·‖T‖₁} on the factors. So the rate of the pair is multiplied by
 *
 * <pre>
 * κ = ‖G‖_F / ‖T‖_F = √(1 + EMA‖G − T‖² / EMA‖T‖²),  1 ≤ κ ≤ 10,  at full rank κ = 1
 * </pre>
 *
 * {@code ‖G − T‖²} is estimated by {@code in·‖(G − T)·ω‖² / ‖ω‖²} in a random direction ω of in entries, which has that mean
 * (Hutchinson 1989, where ω is of signs); the moving averages, which forget a tenth a step, steady it.
 */
final class RateMatch implements AutoCloseable {
    private static final double KEEP = 0.9;
    private static final double LARGEST = 10;

    /** Averages of ‖G − T‖² and of ‖T‖², float64 {@code (2)}. */
    private final Tensor averages;

    private @Nullable Tensor read;

    RateMatch(Tensor like) {
        try (NativeScope scope = new NativeScope()) {
            averages =
                    NativeScope.keep(torch.zeros(new long[] {2}, like.options()).to(ScalarType.Double));
        }
    }

    /**
     * Takes in one step's gradient.
     *
     * @param missed {@code in·‖(G − T)·ω‖² / ‖ω‖²}, a scalar
     * @param captured {@code ‖T‖²_F}, a scalar
     */
    void read(Tensor missed, Tensor captured) {
        forget();
        read = NativeScope.keep(torch.stack(new TensorVector(missed, captured)));
    }

    /** κ, a float64 scalar, with the step that was read last. */
    Tensor factor() {
        if (read == null) {
            throw new IllegalStateException("squaredGradNorm must be called before step");
        }
        averages.mul_(new Scalar(KEEP)).add_(read, new Scalar(1 - KEEP));
        forget();
        Tensor ratio = averages.select(0, 0).div(averages.select(0, 1));
        // nan_to_num: a gradient of zero moves nothing at any rate
        return ratio.nan_to_num().add_(new Scalar(1.0)).sqrt_().clamp_max_(new Scalar(LARGEST));
    }

    Tensor state() {
        return averages;
    }

    private void forget() {
        if (read != null) {
            read.close();
            read = null;
        }
    }

    @Override
    public void close() {
        forget();
        averages.close();
    }
}
