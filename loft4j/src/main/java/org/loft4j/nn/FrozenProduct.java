package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.BlockProduct;
import org.loft4j.tensor.BlockProduct.Term;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/** {@code x·Wᵀ + b} with a large frozen matrix in float32 on one thread of the processor, by {@link BlockProduct}. */
final class FrozenProduct {
    /** Multiplications from which it saves more than a function of our own costs. */
    private static final long LARGE = 1L << 28;

    private FrozenProduct() {}

    /**
     * The product, or null where libtorch's own is to be taken.
     *
     * @param x {@code (…, in)}
     * @param weight {@code (out, in)}
     */
    static @Nullable Tensor of(Tensor x, Tensor weight, @Nullable Tensor bias) {
        if (weight.requires_grad()
                || !BlockProduct.readsLines(weight)
                || Dtype.of(weight) != Dtype.F32
                || x.numel() * weight.size(0) < LARGE
                || x.size(-1) != weight.size(1)
                || !BlockProduct.pays(x)) {
            return null;
        }
        Tensor rows = BlockProduct.dense(x.reshape(-1, weight.size(1)));
        Tensor y;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            y = BlockProduct.of(new Term(rows, weight.t()));
        }
        AutogradFunction.lead(
                "a product with a frozen matrix has no second derivative here",
                y,
                List.of(rows),
                List.of(weight),
                (kept, gradient) -> List.of(BlockProduct.of(new Term(BlockProduct.dense(gradient), kept.get(0)))));
        if (bias != null) {
            y.add_(bias);
        }
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = weight.size(0);
        return shape.length == 2 ? y : y.view(shape);
    }
}
