package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * Root mean square normalisation; Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4:
 * {@code y = w ⊙ x / √(mean(x²) + eps)} over the last dimension. Half types are widened to float32 inside.
 *
 * <p>On the processor a frozen norm of more than a few numbers goes strip by strip, each of which stays in the cache, forward and
 * back, and keeps nothing of the input's size for it; libtorch's operations keep what is normed beside the input.
 *
 * <p>Gemma stores {@code w − 1} and multiplies before it rounds to a half type.
 */
public final class RmsNorm implements Norm {
    /** Numbers of a strip: a megabyte in float32. */
    private static final long STRIP = 1 << 18;

    /** With fewer numbers libtorch's operations gain on a function of our own. */
    private static final long FEW = 1 << 16;

    private final String name;
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
        this.name = name;
        this.weight = Shapes.require(name, weight, -1);
        this.shape = new long[] {weight.size(0)};
        this.eps = Checks.positive(name + ".eps", eps);
        this.storedLessOne = storedLessOne;
    }

    @Override
    public Tensor forward(Tensor x) {
        if (x.dim() == 0 || x.size(x.dim() - 1) != shape[0]) {
            throw new ShapeException(name + " takes (…, " + shape[0] + "), got " + Shapes.text(Shapes.of(x)));
        }
        Dtype dtype = Dtype.of(x);
        Dtype wide = dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        Tensor w = storedLessOne ? weight.to(wide.scalarType()).add(new Scalar(1.0)) : weight;
        if (x.numel() > FEW && DeviceSpec.of(x).kind() == DeviceSpec.Kind.CPU && !weight.requires_grad()) {
            return inStrips(x, w.to(wide.scalarType()));
        }
        Tensor input = storedLessOne ? x.to(wide.scalarType()) : x;
        return torch.rms_norm(input, shape, new TensorOptional(w), new DoubleOptional(eps))
                .to(dtype.scalarType());
    }

    /**
     * With {@code s = 1/√(mean(x²) + eps)}: {@code y = x·s ⊙ w,  ∂x = s·(∂y ⊙ w − x·mean(∂y ⊙ w ⊙ x)·s²)}.
     *
     * @param w in the type that is computed in
     */
    private Tensor inStrips(Tensor x, Tensor w) {
        Tensor y;
        Tensor scales;
        try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            Tensor rows = rows(x);
            y = torch.empty_like(rows);
            scales = torch.empty(new long[] {rows.size(0), 1}, w.options(), null);
            eachStrip(rows.size(0), (start, count) -> {
                Tensor some = rows.narrow(0, start, count).to(w.scalar_type());
                Tensor s = scales.narrow(0, start, count);
                Tensor product = some.mul(some);
                meanOfRows(product, s).add_(new Scalar(eps)).rsqrt_();
                y.narrow(0, start, count).copy_(torch.mul_out(product, some, s).mul_(w));
            });
        }
        return AutogradFunction.inPlaceOf(
                x,
                "a root mean square norm has no second derivative on the processor",
                y.view(x.sizes()),
                List.of(x, w, scales),
                (saved, gradient) -> List.of(gradientInStrips(saved.get(0), saved.get(1), saved.get(2), gradient)));
    }

    private Tensor gradientInStrips(Tensor x, Tensor w, Tensor scales, Tensor gradient) {
        try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            Tensor rows = rows(x);
            Tensor ofY = rows(gradient);
            Tensor ofX = torch.empty_like(rows);
            eachStrip(rows.size(0), (start, count) -> {
                Tensor some = rows.narrow(0, start, count).to(w.scalar_type());
                Tensor s = scales.narrow(0, start, count);
                Tensor weighted = ofY.narrow(0, start, count).mul(w);
                Tensor mean = torch.empty_like(s);
                meanOfRows(weighted.mul(some), mean).mul_(s).mul_(s);
                ofX.narrow(0, start, count)
                        .copy_(weighted.addcmul_(some, mean, new Scalar(-1.0)).mul_(s));
            });
            return ofX.view(gradient.sizes());
        }
    }

    private static Tensor meanOfRows(Tensor x, Tensor mean) {
        return torch.mean_out(mean, x, new long[] {1}, true, new ScalarTypeOptional());
    }

    private Tensor rows(Tensor x) {
        return x.dim() == 2 ? x : x.reshape(-1, shape[0]);
    }

    private void eachStrip(long rows, TiledProduct.Tile strip) {
        TiledProduct.eachTile(rows, shape[0], 1, STRIP, strip);
    }
}
