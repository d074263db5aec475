package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One block of an {@link EncoderDecoder}: {@code h + Attention(norm(h))}, in the decoder then {@code h + Attention(norm(h), source)},
 * and {@code h + FeedForward(norm(h))}; Raffel et al. 2019 (arXiv:1910.10683), section 2.1. Or, with the norms behind,
 * {@code norm(h + Attention(h))} and so on; Vaswani et al. 2017 (arXiv:1706.03762), section 3.1.
 *
 * @param layer number of the block in its stack, from 0
 * @param own attention of the tokens to each other
 * @param toSource attention to the text that was read; null in the encoder
 * @param feedForwardNorm of the feed-forward part
 * @param feedForward which treats each position by itself
 * @param normFirst whether a norm is before its part, and not behind the sum
 * @param dropout while training
 */
public record EncoderDecoderBlock(
        int layer,
        Part own,
        @Nullable Part toSource,
        Norm feedForwardNorm,
        FeedForward.Dense feedForward,
        boolean normFirst,
        Shares dropout) {
    /**
     * How much is dropped.
     *
     * @param added of what each part adds
     * @param inside of what the last layer of the feed-forward part reads
     * @param probabilities of attention
     */
    public record Shares(double added, double inside, double probabilities) {
        /** The same of all. */
        public static Shares of(double share) {
            return new Shares(share, share, share);
        }
    }

    /**
     * Attention with its norm.
     *
     * @param headDim size of one head
     * @param scale of its scores
     */
    public record Part(Norm norm, Linear query, Linear key, Linear value, Linear output, int headDim, double scale) {
        private List<Linear> linears() {
            return List.of(query, key, value, output);
        }

        /** {@code (batch, seq, heads, headDim)} */
        private Tensor heads(Tensor projected) {
            return projected.unflatten(-1, -1, headDim);
        }

        private Tensor attend(
                Tensor query, KeyValueCache.Entry seen, @Nullable Tensor bias, boolean causal, double dropout) {
            return output.forward(Attention.attend(query, seen.key(), seen.value(), bias, causal, dropout, scale));
        }

        private KeyValueCache.Entry read(Tensor states) {
            List<Tensor> both = Linear.forwardAll(List.of(key, value), states);
            return new KeyValueCache.Entry(heads(both.get(0)), heads(both.get(1)));
        }
    }

    /**
     * What is the same for all blocks of a stack in one pass.
     *
     * @param bias added to the scores of the tokens, {@code (batch or 1, heads or 1, seq, keys)}; null for none
     * @param causal whether each token sees those before it alone; not together with a bias
     * @param source states of the text that was read, {@code (batch, read, hidden)}; null in the encoder, and where the cache has what
     *     each block made of them
     * @param sourceBias hides their padding, {@code (batch, 1, 1, read)}; null for none
     * @param training whether dropout is on
     * @param cache of earlier positions and of the text that was read; null for none
     */
    record Pass(
            @Nullable Tensor bias,
            boolean causal,
            @Nullable Tensor source,
            @Nullable Tensor sourceBias,
            boolean training,
            @Nullable KeyValueCache cache) {
        /** What may lead a gradient back, beside the states. */
        List<Tensor> inputs() {
            return Stream.of(bias, source).filter(Objects::nonNull).toList();
        }

        /** The same with others of them. */
        Pass over(List<Tensor> inputs) {
            return new Pass(
                    bias == null ? null : inputs.get(0),
                    causal,
                    source == null ? null : inputs.get(inputs.size() - 1),
                    sourceBias,
                    training,
                    cache);
        }
    }

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    Tensor forward(Tensor hidden, Pass pass) {
        try (NativeScope scope = new NativeScope()) {
            Tensor sum = added(hidden, own.norm(), x -> attended(x, pass), pass);
            if (toSource != null) {
                sum = added(sum, toSource.norm(), x -> read(toSource, x, pass), pass);
            }
            return scope.toEnclosing(added(sum, feedForwardNorm, x -> treated(x, pass), pass));
        }
    }

    private Tensor added(Tensor hidden, Norm norm, UnaryOperator<Tensor> part, Pass pass) {
        Tensor made = part.apply(normFirst ? norm.forward(hidden) : hidden);
        Tensor sum = hidden.add(Dropout.apply(made, dropout.added(), pass.training()));
        return normFirst ? sum : norm.forward(sum);
    }

    private Tensor treated(Tensor x, Pass pass) {
        Tensor widened = feedForward.widened(x);
        return feedForward.down().forward(Dropout.apply(widened, dropout.inside(), pass.training()));
    }

    private Tensor attended(Tensor normed, Pass pass) {
        List<Tensor> all = Linear.forwardAll(List.of(own.query(), own.key(), own.value()), normed);
        Tensor key = own.heads(all.get(1));
        Tensor value = own.heads(all.get(2));
        KeyValueCache cache = pass.cache();
        KeyValueCache.Entry seen =
                cache == null ? new KeyValueCache.Entry(key, value) : cache.append(layer, key, value);
        return own.attend(own.heads(all.get(0)), seen, pass.bias(), pass.causal(), dropped(pass));
    }

    private Tensor read(Part part, Tensor normed, Pass pass) {
        Tensor query = part.heads(part.query().forward(normed));
        if (pass.cache() != null) {
            KeyValueCache.Source kept = Objects.requireNonNull(pass.cache().source(layer), "a text that was read");
            // each token looks at all of the text: the rows of one text look as one row of more tokens
            Tensor together = query.reshape(kept.rows(), -1, query.size(2), query.size(3));
            Tensor seen = part.attend(
                    together, new KeyValueCache.Entry(kept.key(), kept.value()), kept.bias(), false, dropped(pass));
            return seen.reshape(query.size(0), query.size(1), -1);
        }
        Tensor source = Objects.requireNonNull(pass.source(), "states of a text");
        return part.attend(query, part.read(source), pass.sourceBias(), false, dropped(pass));
    }

    private double dropped(Pass pass) {
        return pass.training() ? dropout.probabilities() : 0;
    }

    /** Lays into a cache what the block looks at of a text. */
    void remember(Tensor source, @Nullable Tensor sourceBias, KeyValueCache cache) {
        KeyValueCache.Entry made =
                Objects.requireNonNull(toSource, "attention to a text").read(source);
        cache.putSource(layer, new KeyValueCache.Source(made.key(), made.value(), sourceBias));
    }

    /** Its layers in order of use. */
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(own.linears());
        if (toSource != null) {
            linears.addAll(toSource.linears());
        }
        linears.addAll(feedForward.linears());
        return linears;
    }
}
