package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * {@link LayerNorm} of each head by a weight of its own, without a bias, as Cohere and StableLM norm queries and keys. Half types are widened
 * to float32 inside.
 */
public final class HeadByHead implements Norm {
    /** One {@code (heads, headDim)}, or one {@code (headDim)} for each head. */
    private final List<Tensor> weights;

    private final long[] shape;
    private final double eps;

    /**
     * @param name of the weight, for errors
     * @param weight {@code (heads, headDim)}, owned by the model's weights
     * @param eps added to the variance
     */
    public HeadByHead(String name, Tensor weight, double eps) {
        this.weights = List.of(Shapes.require(name, weight, -1, -1));
        this.shape = new long[] {weight.size(1)};
        this.eps = Checks.positive(name + ".eps", eps);
    }

    /**
     * Of heads whose weights are parameters of their own, as in StableLM.
     *
     * @param weights {@code (headDim)} for each head
     */
    public HeadByHead(String name, List<Tensor> weights, double eps) {
        this.weights = List.copyOf(weights);
        this.shape = new long[] {weights.get(0).size(0)};
        for (Tensor weight : weights) {
            Shapes.require(name, weight, shape[0]);
        }
        this.eps = Checks.positive(name + ".eps", eps);
    }

    /** Normalises {@code (…, heads, headDim)}. */
    @Override
    public Tensor forward(Tensor x) {
        Dtype dtype = Dtype.of(x);
        Tensor wide = dtype.isHalf() ? x.to(Dtype.F32.scalarType()) : x;
        TensorOptional none = new TensorOptional();
        Tensor factors = weights.get(0).dim() == 2
                ? weights.get(0)
                : torch.stack(new TensorVector(weights.toArray(Tensor[]::new)), 0);
        return torch.layer_norm(wide, shape, none, none, eps, true).mul(factors).to(dtype.scalarType());
    }
}
