package org.loft4j.nn;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * Root mean square normalisation; Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4:
 * {@code y = w ⊙ x / √(mean(x²) + eps)} over the last dimension. Half types are widened to float32 inside.
 *
 * <p>Gemma stores {@code w − 1} and multiplies before it rounds to a half type.
 */
public final class RmsNorm implements Norm {
    private final Tensor weight;
    private final long[] shape;
    private final double eps;
    private final boolean storedLessOne;

    /**
     * @param name of the weight, for errors
     * @param weight {@code (dim)}, owned by the model's weights
     * @param eps added to the mean square
     */
    public RmsNorm(String name, Tensor weight, double eps) {
        this(name, weight, eps, false);
    }

    /** @param storedLessOne whether the weight is stored as {@code w − 1} */
    public RmsNorm(String name, Tensor weight, double eps, boolean storedLessOne) {
        this.weight = Shapes.require(name, weight, -1);
        this.shape = new long[] {weight.size(0)};
        this.eps = Checks.positive(name + ".eps", eps);
        this.storedLessOne = storedLessOne;
    }

    @Override
    public Tensor forward(Tensor x) {
        if (!storedLessOne) {
            return torch.rms_norm(x, shape, new TensorOptional(weight), new DoubleOptional(eps));
        }
        Dtype dtype = Dtype.of(x);
        Dtype wide = dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        Tensor w = weight.to(wide.scalarType()).add(new Scalar(1.0));
        return torch.rms_norm(x.to(wide.scalarType()), shape, new TensorOptional(w), new DoubleOptional(eps))
                .to(dtype.scalarType());
    }
}
