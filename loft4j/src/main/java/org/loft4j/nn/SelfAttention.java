package org.loft4j.nn;

import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** Attention of a sequence to itself, in both directions, up to the concatenated heads: Q, K and V of one layer of an encoder. */
public final class SelfAttention {
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final int heads;
    private final double dropout;

    /**
     * @param heads divides the width
     * @param dropout share of the probabilities that is dropped while training
     */
    public SelfAttention(Linear query, Linear key, Linear value, int heads, double dropout) {
        this.query = query;
        this.key = key;
        this.value = value;
        this.heads = heads;
        this.dropout = dropout;
    }

    /**
     * Maps {@code (batch, seq, hidden)} to the same shape.
     *
     * @param bias added to the scores, broadcast to {@code (batch, heads, seq, seq)}, or null
     */
    public Tensor forward(Tensor hidden, @Nullable Tensor bias, boolean training) {
        List<Tensor> all = Linear.forwardAll(List.of(query, key, value), hidden);
        return Attention.attend(
                split(all.get(0)), split(all.get(1)), split(all.get(2)), bias, false, training ? dropout : 0);
    }

    public void forEachLinear(Consumer<Linear> action) {
        action.accept(query);
        action.accept(key);
        action.accept(value);
    }

    /** {@code (batch, seq, hidden)} as {@code (batch, seq, heads, headDim)}. */
    private Tensor split(Tensor x) {
        return x.view(x.size(0), x.size(1), heads, x.size(2) / heads);
    }
}
