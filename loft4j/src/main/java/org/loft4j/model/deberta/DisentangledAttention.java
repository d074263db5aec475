package org.loft4j.model.deberta;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Dropout;
import org.loft4j.nn.Linear;

/**
 * Attention whose scores add up what content says to content, content to distance and distance to content; He et al. 2020
 * (arXiv:2006.03654), equation 4: {@code A(i,j) = Qc(i)·Kc(j) + Qc(i)·Kr(δ(i,j)) + Kc(j)·Qr(δ(j,i))}, divided by
 * {@code √(d·terms)}.
 */
final class DisentangledAttention {
    private final DebertaConfig config;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final @Nullable Linear positionKey;
    private final @Nullable Linear positionQuery;

    /**
     * What all layers see of distances.
     *
     * @param table {@code (2·span, hidden)}
     * @param rows of the table for each pair of tokens, {@code (seq, seq)}
     */
    record Distances(Tensor table, Tensor rows) {}

    /** @param projections query, key and value of content; then those of distances, null where content's serve or none is used */
    DisentangledAttention(DebertaConfig config, Projections projections) {
        this.config = config;
        this.query = projections.query();
        this.key = projections.key();
        this.value = projections.value();
        this.positionKey = projections.positionKey();
        this.positionQuery = projections.positionQuery();
    }

    /** The linear layers; those of positions are null where content's serve them, or where their term is not used. */
    record Projections(
            Linear query,
            Linear key,
            Linear value,
            @Nullable Linear positionKey,
            @Nullable Linear positionQuery) {}

    /**
     * Maps {@code (batch, seq, hidden)} to the same shape: the concatenated heads.
     *
     * @param distances null without relative attention
     * @param bias added to the scores, or null
     */
    Tensor forward(Tensor hidden, @Nullable Distances distances, @Nullable Tensor bias, boolean training) {
        long width = hidden.size(2) / config.encoder().heads();
        Scalar scale = new Scalar(1 / Math.sqrt((double) width * config.scoreTerms()));
        Tensor queries = heads(query.forward(hidden)).mul(scale);
        Tensor keys = heads(key.forward(hidden));
        Tensor scores = queries.matmul(keys.transpose(-1, -2));
        DebertaConfig.Relative relative = config.relative();
        if (distances != null && relative != null) {
            Tensor table = Dropout.apply(distances.table(), config.encoder().hiddenDropout(), training)
                    .unsqueeze(0);
            if (relative.contentToPosition()) {
                Linear projection = positionKey == null ? key : positionKey;
                Tensor all = queries.matmul(heads(projection.forward(table)).transpose(-1, -2));
                scores = scores.add(pick(all, distances.rows()));
            }
            if (relative.positionToContent()) {
                Linear projection = positionQuery == null ? query : positionQuery;
                Tensor all =
                        keys.matmul(heads(projection.forward(table)).mul(scale).transpose(-1, -2));
                // token j sees i at the distance at which i sees j, but for the sign, and rows are those of i
                scores = scores.add(pick(all, distances.rows().transpose(0, 1)).transpose(-1, -2));
            }
        }
        Tensor masked = bias == null ? scores : scores.add(bias);
        Tensor shares = Dropout.apply(
                masked.softmax(-1, new ScalarTypeOptional()), config.encoder().attentionDropout(), training);
        return shares.matmul(heads(value.forward(hidden))).transpose(1, 2).flatten(2, 3);
    }

    /** Of {@code (batch, heads, seq, rows)} the row of each pair, {@code (batch, heads, seq, seq)}. */
    private static Tensor pick(Tensor all, Tensor rows) {
        return all.gather(-1, rows.expand(all.size(0), all.size(1), rows.size(0), rows.size(1)));
    }

    void forEachLinear(Consumer<Linear> action) {
        action.accept(query);
        action.accept(key);
        action.accept(value);
        if (positionKey != null) {
            action.accept(positionKey);
        }
        if (positionQuery != null) {
            action.accept(positionQuery);
        }
    }

    /** {@code (batch, seq, hidden)} as {@code (batch, heads, seq, headDim)}. */
    private Tensor heads(Tensor x) {
        long heads = config.encoder().heads();
        return x.view(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
    }
}
