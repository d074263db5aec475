package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * {@link LayerNorm} of each head by a weight of its own, without a bias, as Cohere norms queries and keys. Half types are widened
 * to float32 inside.
 */
public final class HeadByHead implements Norm {
    private final Tensor weight;
    private final long[] shape;
    private final double eps;

    /**
     * @param name of the weight, for errors
     * @param weight {@code (heads, headDim)}, owned by the model's weights
     * @param eps added to the variance
     */
    public HeadByHead(String name, Tensor weight, double eps) {
        this.weight = Shapes.require(name, weight, -1, -1);
        this.shape = new long[] {weight.size(1)};
        this.eps = Checks.positive(name + ".eps", eps);
    }

    /** Normalises {@code (…, heads, headDim)}. */
    @Override
    public Tensor forward(Tensor x) {
        Dtype dtype = Dtype.of(x);
        Tensor wide = dtype.isHalf() ? x.to(Dtype.F32.scalarType()) : x;
        TensorOptional none = new TensorOptional();
        return torch.layer_norm(wide, shape, none, none, eps, true).mul(weight).to(dtype.scalarType());
    }
}
