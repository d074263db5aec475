package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * {@link LayerNorm} without a weight and a bias: {@code y = (x − mean(x)) / √(var(x) + eps)}.
 *
 * @param eps added to the variance
 */
public record UnweightedLayerNorm(double eps) implements Norm {
    @Override
    public Tensor forward(Tensor x) {
        return torch.layer_norm(x, new long[] {x.size(-1)}, new TensorOptional(), new TensorOptional(), eps, true);
    }
}
