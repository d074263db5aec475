package org.loft4j.nn;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Scaled dot-product attention; Vaswani et al. 2017 (arXiv:1706.03762), equation 1:
 * {@code softmax(Q·Kᵀ/√d + bias)·V} for each head, through libtorch's fused kernels. With fewer key/value heads than
 * query heads, each is shared by a group of neighbours (Ainslie et al. 2023, arXiv:2305.13245).
 */
public final class Attention {
    private Attention() {}

    /**
     * @param query {@code (batch, seq, heads, headDim)}
     * @param key {@code (batch, keys, kvHeads, headDim)}, heads a multiple of kvHeads
     * @param value like key
     * @param bias added to the scores, broadcast to {@code (batch, heads, seq, keys)}; null for none
     * @param causal whether query i sees keys 0 … i only; not together with a bias
     * @param dropout share of the probabilities that is dropped
     * @return {@code (batch, seq, heads·headDim)}
     */
    public static Tensor attend(
            Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, boolean causal, double dropout) {
        long heads = query.size(2);
        Tensor attended = torch.scaled_dot_product_attention(
                query.transpose(1, 2),
                shared(key, heads).transpose(1, 2),
                shared(value, heads).transpose(1, 2),
                bias == null ? new TensorOptional() : new TensorOptional(bias),
                dropout,
                causal,
                new DoubleOptional(),
                false);
        return attended.transpose(1, 2).flatten(2, 3);
    }

    /** Repeats each key/value head for its group; the fused CPU kernel does not take fewer heads. */
    private static Tensor shared(Tensor x, long heads) {
        long kvHeads = x.size(2);
        if (kvHeads == heads) {
            return x;
        }
        return x.unsqueeze(3).expand(-1, -1, -1, heads / kvHeads, -1).flatten(2, 3);
    }
}
