package org.loft4j.nn;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * A learnt logit for each head, which takes part in every softmax and adds nothing to what is attended to; OpenAI 2025
 * (arXiv:2508.10925), section 2.2:
 *
 * <pre>  p_j = exp(s_j) / (exp(sink) + Σ_k exp(s_k))</pre>
 *
 * It is a key before all others, whose value is zero, and whose score a further dimension of the heads makes: one there, and in each
 * query sink / scale. So whatever computes attention computes this, and a query whose keys are all hidden sees the sink.
 *
 * @param logits {@code (heads)}, owned by the model's weights
 */
public record AttentionSinks(Tensor logits) {
    /** Further dimensions, of which the first is used: kernels like heads of a multiple of eight. */
    public static final long MORE = 8;

    /**
     * {@link Attention#attend(Tensor, Tensor, Tensor, Tensor, boolean, double, double)} with the sinks.
     *
     * @param bias of the sinks too: {@link #besideKeys}
     * @return {@code (batch, seq, heads·headDim)}
     */
    Tensor attend(
            Tensor query,
            Tensor key,
            Tensor value,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            double scale) {
        long headDim = query.size(3);
        long heads = query.size(2);
        if (query.size(1) == 1 && !GradMode.is_enabled()) {
            return Attention.among(query, key, () -> ofOne(query, key, value, bias, scale));
        }
        Tensor queries = torch.cat(new TensorVector(query, ofQueries(query, scale)), 3);
        // the kernel's mask lets a query see as many keys as there are queries up to it
        long before = causal ? 1 : 0;
        Tensor attended = Attention.attend(
                causal ? padded(queries, 0, 1) : queries,
                torch.cat(new TensorVector(ofKeys(key), padded(key, MORE, 0)), 1),
                padded(value, MORE, 1),
                bias,
                causal,
                dropout,
                scale);
        return attended.narrow(1, before, query.size(1))
                .unflatten(-1, heads, headDim + MORE)
                .narrow(3, 0, headDim)
                .flatten(2, 3);
    }

    /** A bias of keys with a column for the sink before them, to which nothing is added. */
    static Tensor besideKeys(Tensor bias) {
        return torch.constant_pad_nd(bias, new long[] {1, 0}, new Scalar(0.0));
    }

    /**
     * Of a single query, as in generating: keys and values of a cache are not copied for the sinks. Thin products in a half type on the
     * processor take longer than to make both float32.
     */
    private Tensor ofOne(Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, double scale) {
        if (Attention.isSlowFused(query)) {
            return ofOne(Attention.wide(query), Attention.wide(key), Attention.wide(value), bias, scale)
                    .to(query.scalar_type());
        }
        long kvHeads = key.size(2);
        Tensor groups = query.reshape(query.size(0), kvHeads, -1, query.size(3));
        Tensor scores = torch.matmul(groups, key.permute(0, 2, 3, 1))
                .to(Dtype.of(query) == Dtype.F64 ? ScalarType.Double : ScalarType.Float)
                .mul(new Scalar(scale));
        Tensor sinks = logits.to(scores.scalar_type()).view(1, kvHeads, -1, 1).expand(query.size(0), -1, -1, -1);
        Tensor all = torch.cat(new TensorVector(sinks, scores), 3);
        Tensor seen = (bias == null ? all : all.add(bias))
                .softmax(-1)
                .narrow(3, 1, key.size(1))
                .to(query.scalar_type());
        return torch.matmul(seen, value.transpose(1, 2)).reshape(query.size(0), 1, -1);
    }

    /** What the further dimensions of each query hold. */
    private Tensor ofQueries(Tensor query, double scale) {
        Tensor scores = logits.to(query.scalar_type()).div(new Scalar(scale)).view(1, 1, -1, 1);
        return torch.constant_pad_nd(scores, new long[] {0, MORE - 1}, new Scalar(0.0))
                .expand(query.size(0), query.size(1), -1, -1);
    }

    /** The key of the sinks. */
    private static Tensor ofKeys(Tensor key) {
        long[] shape = Shapes.of(key);
        shape[1] = 1;
        Tensor nothing = torch.zeros(shape, key.options());
        shape[3] = 1;
        Tensor one = torch.ones(shape, key.options());
        return torch.constant_pad_nd(
                torch.cat(new TensorVector(nothing, one), 3), new long[] {0, MORE - 1}, new Scalar(0.0));
    }

    /** With zeros behind each head, and before the sequence. */
    private static Tensor padded(Tensor heads, long behind, long before) {
        return torch.constant_pad_nd(heads, new long[] {0, behind, 0, 0, before, 0}, new Scalar(0.0));
    }
}
