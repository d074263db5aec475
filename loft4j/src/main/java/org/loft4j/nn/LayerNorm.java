package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.tensor.Shapes;

/**
 * Layer normalisation; Ba, Kiros and Hinton 2016 (arXiv:1607.06450), equation 4:
 * {@code y = w ⊙ (x − mean(x)) / √(var(x) + eps) + b} over the last dimension.
 */
public final class LayerNorm implements Norm {
    private final Tensor weight;
    private final @Nullable Tensor bias;
    private final long[] shape;
    private final double eps;

    /**
     * @param path module path, for errors
     * @param weight {@code (dim)}, owned by the model's weights
     * @param bias {@code (dim)}, owned by the model's weights; null for none
     * @param eps added to the variance
     */
    public LayerNorm(String path, Tensor weight, @Nullable Tensor bias, double eps) {
        this.weight = Shapes.require(path + ".weight", weight, -1);
        this.bias = bias == null ? null : Shapes.require(path + ".bias", bias, weight.size(0));
        this.shape = new long[] {weight.size(0)};
        this.eps = Checks.positive(path + ".eps", eps);
    }

    @Override
    public Tensor forward(Tensor x) {
        TensorOptional shift = bias == null ? new TensorOptional() : new TensorOptional(bias);
        return torch.layer_norm(x, shape, new TensorOptional(weight), shift, eps, true);
    }
}
