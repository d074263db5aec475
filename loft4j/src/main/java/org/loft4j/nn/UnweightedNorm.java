package org.loft4j.nn;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * {@link RmsNorm} without a weight: {@code y = x / √(mean(x²) + eps)}.
 *
 * @param eps added to the mean square
 */
public record UnweightedNorm(double eps) implements Norm {
    @Override
    public Tensor forward(Tensor x) {
        return torch.rms_norm(x, new long[] {x.size(-1)}, new TensorOptional(), new DoubleOptional(eps));
    }
}
