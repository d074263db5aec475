package org.loft4j.nn;

import java.util.function.Supplier;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.RandomStream;

/**
 * Scaled dot-product attention; Vaswani et al. 2017 (arXiv:1706.03762), equation 1:
 * {@code softmax(scale·Q·Kᵀ + bias)·V} for each head, through libtorch's fused kernels where they are quick. The scores are
 * float32 at least: bfloat16 has nothing below a half for those of a hundred, and layers whose keys have a large bias make such.
 * With fewer key/value heads than query heads, each is shared by a group of neighbours (Ainslie et al. 2023,
 * arXiv:2305.13245).
 */
public final class Attention {
    /** Scores that are kept whole for the backward pass of one layer at most: 48 MB in all. */
    private static final long MOST_SCORES = 8L << 20;

    /** Up to which our attention, in float32, takes longer where OpenBLAS has no small kernels. */
    private static final long FEW_SCORES = 2L << 20;

    /** Of queries with keys, for which the kernel takes no longer on one thread than on several that are woken. */
    private static final long FEW_PRODUCTS = 1L << 20;

    private Attention() {}

    /**
     * @param query {@code (batch, seq, heads, headDim)}
     * @param key {@code (batch, keys, kvHeads, headDim)}, heads a multiple of kvHeads
     * @param value {@code (batch, keys, kvHeads, valueDim)}
     * @param bias added to the scores, broadcast to {@code (batch, heads, seq, keys)}; null for none
     * @param causal whether query i sees keys 0 … i only; not together with a bias
     * @param dropout share of the probabilities that is dropped
     * @param scale of the scores, {@code 1/√headDim} as a rule
     * @return {@code (batch, seq, heads·valueDim)}
     */
    public static Tensor attend(
            Tensor query,
            Tensor key,
            Tensor value,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            double scale) {
        if (isOurs(query, key, bias, causal, dropout)) {
            return BlockAttention.attend(
                    query,
                    key,
                    value,
                    new BlockAttention.Look(scale, causal ? Band.CAUSAL : Band.WHOLE, bias, dropout));
        }
        if (dropout > 0 && RandomStream.current() != null) {
            // the kernel draws from libtorch's generator
            return attendUnfused(query, key, value, causal ? future(query) : bias, dropout, scale, 0);
        }
        if (isOneOfGroups(query, key, bias, causal)) {
            return among(query, key, () -> attendByGroup(query, key, value, bias, dropout, scale));
        }
        if (isSlowFused(query)) {
            return among(query, key, () -> attendInHalf(query, key, value, bias, causal, dropout, scale));
        }
        return among(query, key, () -> attendFused(query, key, value, bias, causal, dropout, scale));
    }

    /**
     * The same of all tokens with a bias that has a gradient, which no fused kernel finds.
     *
     * @param bias of all pairs or fewer; null for none
     */
    public static Tensor attendLearnt(
            Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, double dropout, double scale) {
        return isOurs(query, key, bias, false, dropout)
                ? attend(query, key, value, bias, false, dropout, scale)
                : among(query, key, () -> attendUnfused(query, key, value, bias, dropout, scale, 0));
    }

    private static Tensor attendFused(
            Tensor query,
            Tensor key,
            Tensor value,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            double scale) {
        long heads = query.size(2);
        return fused(
                        query.transpose(1, 2),
                        shared(key, heads).transpose(1, 2),
                        shared(value, heads).transpose(1, 2),
                        bias,
                        causal,
                        dropout,
                        scale)
                .transpose(1, 2)
                .flatten(2, 3);
    }

    /**
     * Of queries and keys {@code (batch, heads, length, headDim)} and values {@code (batch, heads, length, valueDim)}, as many heads of
     * each. Kernels want one size, or the scores are kept whole: zeros behind the smaller change nothing. Where they are
     * many the kernel shares them out over the cores itself.
     */
    private static Tensor fused(
            Tensor queries,
            Tensor keys,
            Tensor values,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            double scale) {
        long headDim = queries.size(3);
        long valueDim = values.size(3);
        if (valueDim < headDim) {
            return fused(queries, keys, padded(values, headDim), bias, causal, dropout, scale)
                    .narrow(3, 0, valueDim);
        }
        if (valueDim > headDim) {
            return fused(padded(queries, valueDim), padded(keys, valueDim), values, bias, causal, dropout, scale);
        }
        return Lanes.unshared(() -> torch.scaled_dot_product_attention(
                queries,
                keys,
                values,
                bias == null ? new TensorOptional() : new TensorOptional(bias),
                dropout,
                causal,
                new DoubleOptional(scale),
                false));
    }

    /** Work on queries with keys, which all threads have together where it is long, though what is around it is alone. */
    static Tensor among(Tensor query, Tensor key, Supplier<Tensor> work) {
        boolean isLong = query.numel() * key.size(1) > FEW_PRODUCTS;
        return isLong && Lanes.isAlone() ? Lanes.together(work) : work.get();
    }

    private static Tensor padded(Tensor heads, long size) {
        return torch.constant_pad_nd(heads, new long[] {0, size - heads.size(3)}, new Scalar(0.0));
    }

    /** Whether each head has one query, as in generating, which sees what the others of its group see. */
    private static boolean isOneOfGroups(Tensor query, Tensor key, @Nullable Tensor bias, boolean causal) {
        return query.size(1) == 1
                && key.size(2) < query.size(2)
                && (!causal || key.size(1) == 1)
                && (bias == null || bias.dim() < 3 || bias.size(-3) == 1);
    }

    /**
     * The heads of a group become the queries of one head: keys and values are read where they lie, in the cache say, and not
     * copied for each head of queries. In a half type on the processor they are made float32 first: for more than one query the
     * kernel is the slow one there.
     */
    private static Tensor attendByGroup(
            Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, double dropout, double scale) {
        if (Dtype.of(query).isHalf() && isOnProcessor(query)) {
            return attendByGroup(wide(query), wide(key), wide(value), bias == null ? null : wide(bias), dropout, scale)
                    .to(Dtype.of(query).scalarType());
        }
        long heads = query.size(2);
        long kvHeads = key.size(2);
        Tensor groups = query.reshape(query.size(0), kvHeads, heads / kvHeads, query.size(3));
        return fused(groups, key.transpose(1, 2), value.transpose(1, 2), bias, false, dropout, scale)
                .reshape(query.size(0), 1, heads * value.size(3));
    }

    private static boolean isOnProcessor(Tensor x) {
        return DeviceSpec.of(x).kind() == DeviceSpec.Kind.CPU;
    }

    /** Whether {@link BlockAttention} computes it. */
    private static boolean isOurs(Tensor query, Tensor key, @Nullable Tensor bias, boolean causal, double dropout) {
        if (causal) {
            return bias == null
                    && BlockAttention.pays(query, key, Band.CAUSAL, dropout)
                    && !(dropout == 0 && staysInHalf(query, key));
        }
        return dropout > 0 && BlockAttention.pays(query, key, Band.WHOLE, dropout);
    }

    private static boolean staysInHalf(Tensor query, Tensor key) {
        return isSlowFused(query) && keepsScores(scores(query, key), true);
    }

    private static long scores(Tensor query, Tensor key) {
        return query.size(0) * query.size(1) * query.size(2) * key.size(1);
    }

    /**
     * Whether the fused kernel is the slow one: on the processor in a half type, where products and a softmax, or the kernel in
     * float32, take a twelfth to an eightieth of its time (docs/performance.md), of a single query a quarter to a half.
     */
    static boolean isSlowFused(Tensor query) {
        return Dtype.of(query).isHalf() && isOnProcessor(query);
    }

    /**
     * The dtype of a bias for heads of a dtype: that in which the scores are, since what hides a key in float16 is not below all
     * scores of float32. The kernels of a GPU take that of the heads alone.
     *
     * @param unfused whether it is for {@link #attendUnfused}
     */
    static Dtype biasDtype(Dtype heads, DeviceSpec device, boolean unfused) {
        return heads.isHalf() && (unfused || device.kind() == DeviceSpec.Kind.CPU) ? Dtype.F32 : heads;
    }

    /** The same result by another way: unfused where the rows are short or the scores few, in float32 else and of a single query. */
    private static Tensor attendInHalf(
            Tensor query,
            Tensor key,
            Tensor value,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            double scale) {
        if (query.size(1) > 1 && keepsScores(scores(query, key), false)) {
            Tensor hidden = causal ? future(query) : bias;
            return attendUnfused(query, key, value, hidden, dropout, scale, 0);
        }
        Tensor wideBias = bias == null ? null : wide(bias);
        return attendFused(wide(query), wide(key), wide(value), wideBias, causal, dropout, scale)
                .to(Dtype.of(query).scalarType());
    }

    /**
     * Whether heads of a half type on the processor leave their scores behind for the backward pass.
     *
     * @param scores of one call
     * @param ours whether our own attention computes it where they are not kept
     */
    public static boolean keepsScores(long scores, boolean ours) {
        if (ours) {
            return !Engine.hasSmallKernels() && scores <= FEW_SCORES;
        }
        return scores <= MOST_SCORES;
    }

    /**
     * Whether rows are neither so short nor so long that our own attention is the slower one.
     *
     * @param length of a row in tokens
     * @param window how many tokens each sees; the length where that is all
     */
    public static boolean isOurs(long length, long window) {
        return BlockAttention.takes(length, window);
    }

    /**
     * Whether our own attention computes rows of so many tokens whose probabilities are dropped: it keeps a byte of each.
     *
     * @param length of a row in tokens
     */
    public static boolean dropsOurs(long length) {
        return BlockAttention.takesDropped(length);
    }

    static Tensor wide(Tensor x) {
        return x.to(Dtype.F32.scalarType());
    }

    /** What hides the keys behind each query, {@code (seq, seq)}. */
    static Tensor future(Tensor query) {
        long[] shape = {query.size(1), query.size(1)};
        return torch.full(shape, new Scalar(Double.NEGATIVE_INFINITY), query.options())
                .triu_(1);
    }

    /**
     * Attention without a fused kernel, for what no kernel does. The scores are kept within ±softcap,
     * {@code softcap·tanh(scale·Q·Kᵀ / softcap)}, before the bias is added; Gemma Team 2024 (arXiv:2408.00118), section 2. A
     * query whose keys are all hidden sees all of them alike, with the gradients of that: kernels recompute the probabilities
     * from the logarithm of their sum, in which the number of keys is lost beside a bias that large.
     *
     * @param softcap bound of the scores; 0 for none
     */
    public static Tensor attendUnfused(
            Tensor query,
            Tensor key,
            Tensor value,
            @Nullable Tensor bias,
            double dropout,
            double scale,
            double softcap) {
        long heads = query.size(2);
        Tensor queries = query.transpose(1, 2);
        Tensor keys = shared(key, heads).transpose(1, 2);
        Tensor scores = Dtype.of(query).isHalf()
                ? ScoreProduct.of(queries, keys, scale)
                : queries.matmul(keys.transpose(2, 3)).mul(new Scalar(scale));
        scores = softcap > 0 ? softcap(scores, softcap) : scores;
        if (bias != null) {
            scores.add_(bias);
        }
        Tensor probabilities =
                scores.softmax(-1, new ScalarTypeOptional()).to(Dtype.of(query).scalarType());
        probabilities = Dropout.apply(probabilities, dropout, dropout > 0);
        return probabilities
                .matmul(shared(value, heads).transpose(1, 2))
                .transpose(1, 2)
                .flatten(2, 3);
    }

    /** {@code cap·tanh(x / cap)}: nearly x where it is small, and never beyond the cap. */
    public static Tensor softcap(Tensor x, double cap) {
        return x.div(new Scalar(cap)).tanh_().mul(new Scalar(cap));
    }

    /** Repeats each key/value head for its group; the fused CPU kernel does not take fewer heads. */
    static Tensor shared(Tensor x, long heads) {
        long kvHeads = x.size(2);
        if (kvHeads == heads) {
            return x;
        }
        return x.unsqueeze(3).expand(-1, -1, -1, heads / kvHeads, -1).flatten(2, 3);
    }
}
