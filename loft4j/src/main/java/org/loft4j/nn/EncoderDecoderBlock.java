package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One block of an {@link EncoderDecoder}: {@code h + Attention(norm(h))}, in the decoder then {@code h + Attention(norm(h), source)},
 * and {@code h + FeedForward(norm(h))}; Raffel et al. 2019 (arXiv:1910.10683), section 2.1.
 *
 * @param layer number of the block in its stack, from 0
 * @param own attention of the tokens to each other
 * @param toSource attention to the text that was read; null in the encoder
 * @param feedForwardNorm before the feed-forward part
 * @param feedForward which treats each position by itself
 * @param dropout on what each part adds, inside the feed-forward part and on the probabilities, while training
 */
public record EncoderDecoderBlock(
        int layer,
        Part own,
        @Nullable Part toSource,
        Norm feedForwardNorm,
        FeedForward.Dense feedForward,
        double dropout) {
    /**
     * Attention with the norm before it. Its scores are not scaled.
     *
     * @param headDim size of one head
     */
    public record Part(Norm norm, Linear query, Linear key, Linear value, Linear output, int headDim) {
        private List<Linear> linears() {
            return List.of(query, key, value, output);
        }

        /** {@code (batch, seq, heads, headDim)} */
        private Tensor heads(Tensor projected) {
            return projected.unflatten(-1, -1, headDim);
        }

        private Tensor attend(Tensor query, KeyValueCache.Entry seen, @Nullable Tensor bias, double dropout) {
            return output.forward(Attention.attend(query, seen.key(), seen.value(), bias, false, dropout, 1));
        }

        private KeyValueCache.Entry read(Tensor states) {
            List<Tensor> both = Linear.forwardAll(List.of(key, value), states);
            return new KeyValueCache.Entry(heads(both.get(0)), heads(both.get(1)));
        }
    }

    /**
     * What is the same for all blocks of a stack in one pass.
     *
     * @param bias added to the scores of the tokens, {@code (batch or 1, heads, seq, keys)}
     * @param source states of the text that was read, {@code (batch, read, hidden)}; null in the encoder, and where the cache has what
     *     each block made of them
     * @param sourceBias hides their padding, {@code (batch, 1, 1, read)}; null for none
     * @param training whether dropout is on
     * @param cache of earlier positions and of the text that was read; null for none
     */
    record Pass(
            Tensor bias,
            @Nullable Tensor source,
            @Nullable Tensor sourceBias,
            boolean training,
            @Nullable KeyValueCache cache) {
        /** What may lead a gradient back, beside the states. */
        List<Tensor> inputs() {
            return source == null ? List.of(bias) : List.of(bias, source);
        }

        /** The same with others of them. */
        Pass over(List<Tensor> inputs) {
            return new Pass(inputs.get(0), source == null ? null : inputs.get(1), sourceBias, training, cache);
        }
    }

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    Tensor forward(Tensor hidden, Pass pass) {
        try (NativeScope scope = new NativeScope()) {
            Tensor sum = sum(hidden, attended(own.norm().forward(hidden), pass), pass);
            if (toSource != null) {
                sum = sum(sum, read(toSource, toSource.norm().forward(sum), pass), pass);
            }
            Tensor widened = feedForward.widened(feedForwardNorm.forward(sum));
            Tensor narrowed = feedForward.down().forward(Dropout.apply(widened, dropout, pass.training()));
            return scope.toEnclosing(sum(sum, narrowed, pass));
        }
    }

    private Tensor attended(Tensor normed, Pass pass) {
        List<Tensor> all = Linear.forwardAll(List.of(own.query(), own.key(), own.value()), normed);
        Tensor key = own.heads(all.get(1));
        Tensor value = own.heads(all.get(2));
        KeyValueCache cache = pass.cache();
        KeyValueCache.Entry seen =
                cache == null ? new KeyValueCache.Entry(key, value) : cache.append(layer, key, value);
        return own.attend(own.heads(all.get(0)), seen, pass.bias(), pass.training() ? dropout : 0);
    }

    private Tensor read(Part part, Tensor normed, Pass pass) {
        Tensor query = part.heads(part.query().forward(normed));
        double dropped = pass.training() ? dropout : 0;
        if (pass.cache() != null) {
            KeyValueCache.Source kept = Objects.requireNonNull(pass.cache().source(layer), "a text that was read");
            return part.attend(query, new KeyValueCache.Entry(kept.key(), kept.value()), kept.bias(), dropped);
        }
        Tensor source = Objects.requireNonNull(pass.source(), "states of a text");
        return part.attend(query, part.read(source), pass.sourceBias(), dropped);
    }

    /** Lays into a cache what the block looks at of a text. */
    void remember(Tensor source, @Nullable Tensor sourceBias, KeyValueCache cache) {
        KeyValueCache.Entry made =
                Objects.requireNonNull(toSource, "attention to a text").read(source);
        cache.putSource(layer, new KeyValueCache.Source(made.key(), made.value(), sourceBias));
    }

    private Tensor sum(Tensor hidden, Tensor part, Pass pass) {
        return hidden.add(Dropout.apply(part, dropout, pass.training()));
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
