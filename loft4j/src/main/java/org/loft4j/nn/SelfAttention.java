package org.loft4j.nn;

import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.RotaryEmbedding.Rotation;

/** Attention of a sequence to itself, in both directions, up to the concatenated heads: Q, K and V of one layer of an encoder. */
public final class SelfAttention {
    private final HeadProjection projection;
    private final int heads;
    private final double dropout;

    /**
     * @param heads divides the width
     * @param dropout share of the probabilities that is dropped while training
     */
    public SelfAttention(HeadProjection projection, int heads, double dropout) {
        this.projection = projection;
        this.heads = heads;
        this.dropout = dropout;
    }

    /**
     * Maps {@code (batch, seq, hidden)} to the same shape.
     *
     * @param rotation of queries and keys; null for none
     * @param sight what each token sees
     */
    public Tensor forward(Tensor hidden, @Nullable Rotation rotation, Sight sight, boolean training) {
        HeadProjection.Heads all = projection.project(hidden, (int) (hidden.size(2) / heads));
        Tensor query = rotation == null ? all.query() : rotation.apply(all.query());
        Tensor own = Objects.requireNonNull(all.key());
        Tensor key = rotation == null ? own : rotation.apply(own);
        return sight.attend(query, key, Objects.requireNonNull(all.value()), training ? dropout : 0);
    }

    public void forEachLinear(Consumer<Linear> action) {
        projection.linears().forEach(action);
    }

    /** Share of the probabilities that is dropped while training. */
    double dropout() {
        return dropout;
    }
}
