package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.Dtype;

/**
 * {@code scale·Q·Kᵀ} of queries and keys in a half type, in float32. A product of the half type rounds its scores to that: to
 * quarters in bfloat16 where they are 32 and more, to beyond the largest number in float16, and to have it return float32 is not
 * offered by libtorch on the processor. The gradients are products of the half type all the same, rounded like all others, which
 * takes half of the time, and keeps no copies in float32.
 */
final class ScoreProduct {
    private ScoreProduct() {}

    /**
     * @param query {@code (batch, heads, seq, headDim)}
     * @param key {@code (batch, heads, keys, headDim)} in the same type
     * @return {@code (batch, heads, seq, keys)} in float32
     */
    static Tensor of(Tensor query, Tensor key, double scale) {
        Dtype dtype = Dtype.of(query);
        Tensor scores;
        try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            scores = wide(query).mul_(new Scalar(scale)).matmul(wide(key).transpose(2, 3));
        }
        AutogradFunction.lead(
                "attention in a half type has no second derivative",
                scores,
                List.of(query, key),
                List.of(query, key),
                (saved, gradient) -> {
                    try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
                        Tensor half = gradient.to(dtype.scalarType());
                        // not the forward pass', whose scope is closed by now
                        Scalar by = new Scalar(scale);
                        return List.of(
                                half.matmul(saved.get(1)).mul_(by),
                                half.transpose(2, 3).matmul(saved.get(0)).mul_(by));
                    }
                });
        return scores;
    }

    /** Laid out as the product takes it, in one go. */
    private static Tensor wide(Tensor x) {
        return x.to(Dtype.F32.scalarType(), false, true, new MemoryFormatOptional(torch.MemoryFormat.Contiguous));
    }
}
