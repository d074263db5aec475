package org.loft4j.model.deberta;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Attention;
import org.loft4j.nn.Dropout;
import org.loft4j.nn.Linear;
import org.loft4j.tensor.NativeScope;

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
        double scale = 1 / Math.sqrt((double) width * config.scoreTerms());
        Tensor queries = heads(query.forward(hidden));
        Tensor keys = heads(key.forward(hidden));
        Tensor added = bias;
        DebertaConfig.Relative relative = config.relative();
        if (distances != null && relative != null) {
            Tensor table = Dropout.apply(distances.table(), config.encoder().hiddenDropout(), training)
                    .unsqueeze(0);
            if (relative.contentToPosition()) {
                Tensor ofDistances = (positionKey == null ? key : positionKey).forward(table);
                added = sum(added, term(queries, ofDistances, distances.rows(), scale));
            }
            if (relative.positionToContent()) {
                Tensor ofDistances = (positionQuery == null ? query : positionQuery).forward(table);
                // token j sees i at the distance at which i sees j, but for the sign, and rows are those of i
                Tensor rows = distances.rows().transpose(0, 1);
                added = sum(added, term(keys, ofDistances, rows, scale).transpose(-1, -2));
            }
        }
        double dropout = training ? config.encoder().attentionDropout() : 0;
        return Attention.attendLearnt(queries, keys, heads(value.forward(hidden)), added, dropout, scale);
    }

    private static Tensor sum(@Nullable Tensor some, Tensor term) {
        return some == null ? term : term.add(some);
    }

    /**
     * Of each pair the product of its content and its distance, {@code (batch, heads, seq, seq)}.
     *
     * @param content {@code (batch, seq, heads, headDim)}
     * @param distances {@code (1, rows, hidden)}
     * @param rows of each pair, {@code (seq, seq)}
     */
    private Tensor term(Tensor content, Tensor distances, Tensor rows, double scale) {
        try (NativeScope scope = new NativeScope()) {
            Tensor ofContent = content.transpose(1, 2).mul(new Scalar(scale));
            Tensor all = ofContent.matmul(heads(distances).permute(0, 2, 3, 1));
            return scope.toEnclosing(all.gather(-1, rows.expand(all.size(0), all.size(1), rows.size(0), rows.size(1))));
        }
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

    /** {@code (batch, seq, hidden)} as {@code (batch, seq, heads, headDim)}. */
    private Tensor heads(Tensor x) {
        long heads = config.encoder().heads();
        return x.unflatten(2, heads, x.size(2) / heads);
    }
}
