package org.loft4j.adapter;

import java.util.Arrays;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LinearForward;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * A linear layer with a low-rank adapter beside its frozen weight (Hu et al. 2021, arXiv:2106.09685, eq. 3):
 *
 * <pre>  y = x·W0ᵀ + b + scale·(dropout(x)·Aᵀ)·Bᵀ</pre>
 *
 * with {@code A: (r, in)} and {@code B: (out, r)}. Where the base is float16 or bfloat16 the factors stay float32, and are
 * rounded to the type of the input for the product, which costs r·(in + out) conversions and not tokens·in.
 */
public final class LoraLinear implements LinearForward {
    private final LoraAdapter adapter;
    private final Linear base;
    private final Tensor loraA;
    private final Tensor loraB;
    private final double scale;
    private final double dropout;
    private final @Nullable Dtype product;
    private boolean training;
    private boolean merged;

    LoraLinear(LoraAdapter adapter, Linear base, Tensor loraA, Tensor loraB, double scale, double dropout) {
        this.adapter = adapter;
        this.base = base;
        this.loraA = Shapes.require(path() + ".lora_A", loraA, -1, base.inFeatures());
        this.loraB = Shapes.require(path() + ".lora_B", loraB, base.outFeatures(), loraA.size(0));
        this.scale = scale;
        this.dropout = dropout;
        Dtype dtype = Dtype.of(base.weight());
        this.product = dtype == Dtype.of(loraA) ? null : dtype;
    }

    @Override
    public Tensor forward(Linear layer, Tensor x) {
        if (merged) {
            return layer.baseForward(x);
        }
        long[] shape = Shapes.of(x);
        int last = shape.length - 1;
        if (last < 0 || shape[last] != layer.inFeatures()) {
            throw new ShapeException(path() + " takes (…, " + layer.inFeatures() + "), got " + Shapes.text(shape));
        }
        // In two dimensions the base product owns its memory, so the adapter's product can be added in place: autograd
        // would copy the whole gradient for an in-place sum into a view. The scale rides on the product for nothing.
        Tensor rows = last == 1 ? x : x.reshape(-1, shape[last]);
        Tensor y = layer.baseForward(rows);
        Tensor dropped = training && dropout > 0 ? torch.dropout(rows, dropout, true) : rows;
        Tensor low = torch.mm(dropped, cast(loraA).t());
        y.addmm_(low, cast(loraB).t(), new Scalar(1.0), new Scalar(scale));
        if (last == 1) {
            return y;
        }
        shape[last] = layer.outFeatures();
        return y.view(shape);
    }

    private Tensor cast(Tensor factor) {
        return product == null ? factor : factor.to(product.scalarType());
    }

    /** Module path of the layer in Hugging Face's layout. */
    public String path() {
        return base.path();
    }

    /** {@code (r, in)}, a leaf that requires its gradient; owned by the adapter. */
    public Tensor loraA() {
        return loraA;
    }

    /** {@code (out, r)}, a leaf that requires its gradient; owned by the adapter. */
    public Tensor loraB() {
        return loraB;
    }

    /** What multiplies {@code B·A}. */
    public double scale() {
        return scale;
    }

    public long rank() {
        return loraA.size(0);
    }

    /**
     * What the adapter adds to the base weight, {@code ΔW = scale·B·A} of shape {@code (out, in)}: float32, or float64 for a
     * float64 model. It is as large as the weight itself and belongs to the open scope.
     */
    public Tensor delta() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return scope.toEnclosing(loraB.mm(loraA).mul_(new Scalar(scale)));
        }
    }

    /** The layer with its frozen weight. */
    public Linear base() {
        return base;
    }

    LoraAdapter adapter() {
        return adapter;
    }

    void setTraining(boolean training) {
        this.training = training;
    }

    /** While the adapter is merged the base weight says everything. */
    void setMerged(boolean merged) {
        this.merged = merged;
    }

    @Override
    public String toString() {
        return path() + " " + Arrays.toString(new long[] {base.outFeatures(), rank(), base.inFeatures()});
    }
}
