package org.loft4j.nn;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.tensor.Shapes;

/**
 * Root mean square normalisation; Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4:
 * {@code y = w ⊙ x / √(mean(x²) + eps)} over the last dimension. Half types are widened to float32 inside.
 */
public final class RmsNorm {
    private final Tensor weight;
    private final long[] shape;
    private final double eps;

    /**
     * @param name of the weight, for errors
     * @param weight {@code (dim)}, owned by the model's weights
     * @param eps added to the mean square
     */
    public RmsNorm(String name, Tensor weight, double eps) {
        this.weight = Shapes.require(name, weight, -1);
        this.shape = new long[] {weight.size(0)};
        this.eps = Checks.positive(name + ".eps", eps);
    }

    /** Normalises {@code (…, dim)}. */
    public Tensor forward(Tensor x) {
        return torch.rms_norm(x, shape, new TensorOptional(weight), new DoubleOptional(eps));
    }
}
