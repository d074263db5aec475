package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a decoder's block: heads, their norms and rotation, {@link Attention}, and the projection back.
 *
 * @param layer number of the block, from 0
 * @param shape sizes and scale
 * @param projection of the hidden states to heads
 * @param queryNorm over each head of the queries or all of a token's ({@link AcrossHeads}), before the rotation; null for none
 * @param keyNorm the same for the keys
 * @param valueNorm over each head of the values; null for none
 * @param sinks in each softmax; null for none
 * @param output from the heads to the hidden states
 * @param turnsFirst whether queries and keys are rotated before their norms, as in Llama 4, and not behind them
 */
public record DecoderAttention(
        int layer,
        Shape shape,
        HeadProjection projection,
        @Nullable Norm queryNorm,
        @Nullable Norm keyNorm,
        @Nullable Norm valueNorm,
        @Nullable AttentionSinks sinks,
        Linear output,
        boolean turnsFirst)
        implements TokenMixer {
    /**
     * What does not depend on the input.
     *
     * @param headDim size of one head
     * @param scale of the scores
     * @param softcap bound of the scores; 0 for none
     * @param dropout on the probabilities while training
     */
    public record Shape(int headDim, double scale, double softcap, double dropout) {}

    /** One whose norms are before the rotation. */
    public DecoderAttention(
            int layer,
            Shape shape,
            HeadProjection projection,
            @Nullable Norm queryNorm,
            @Nullable Norm keyNorm,
            @Nullable Norm valueNorm,
            @Nullable AttentionSinks sinks,
            Linear output) {
        this(layer, shape, projection, queryNorm, keyNorm, valueNorm, sinks, output, false);
    }

    /** One whose values have no norm, and whose softmax no sinks. */
    public DecoderAttention(
            int layer,
            Shape shape,
            HeadProjection projection,
            @Nullable Norm queryNorm,
            @Nullable Norm keyNorm,
            Linear output) {
        this(layer, shape, projection, queryNorm, keyNorm, null, null, output);
    }

    @Override
    public int lender() {
        return projection instanceof HeadProjection.Borrowing borrowing ? borrowing.lender() : NONE;
    }

    @Override
    public Attended forward(Tensor x, LayerPass pass) {
        HeadProjection.Heads heads = projection.project(x, shape.headDim());
        RotaryEmbedding.Rotation rotation = pass.rotation();
        Tensor q =
                placed(heads.query(), queryNorm, rotation == null ? UnaryOperator.identity() : rotation::applyToQuery);
        KeyValueCache.Entry seen = heads.key() == null || heads.value() == null
                ? Objects.requireNonNull(pass.borrowed(), "keys and values of an earlier block")
                : own(heads.key(), heads.value(), pass);
        Tensor attended = attend(q, seen.key(), seen.value(), pass);
        Tensor gate = heads.gate();
        return new Attended(output.forward(gate == null ? attended : attended.mul(torch.sigmoid(gate))), seen);
    }

    /** Its own keys and values, with those of the cache before them. */
    private KeyValueCache.Entry own(Tensor key, Tensor value, LayerPass pass) {
        RotaryEmbedding.Rotation rotation = pass.rotation();
        Tensor k = placed(key, keyNorm, rotation == null ? UnaryOperator.identity() : rotation::apply);
        Tensor v = normed(value, valueNorm);
        KeyValueCache cache = pass.cache();
        return cache == null ? new KeyValueCache.Entry(k, v) : cache.append(layer, k, v);
    }

    private Tensor attend(Tensor query, Tensor key, Tensor value, LayerPass pass) {
        double dropout = pass.training() ? shape.dropout() : 0;
        Sight sight = pass.sight();
        if (sinks != null) {
            return sight.attendFused(
                    query,
                    key,
                    value,
                    (q, k, v, bias, causal) -> sinks.attend(q, k, v, bias, causal, dropout, shape.scale()));
        }
        return isBounded() || pass.blind()
                ? sight.attendUnfused(
                        query,
                        key,
                        value,
                        (q, k, v, bias, causal) -> Attention.among(
                                q,
                                k,
                                () -> Attention.attendUnfused(q, k, v, bias, dropout, shape.scale(), shape.softcap())))
                : sight.attend(query, key, value, dropout, shape.scale());
    }

    private Tensor placed(Tensor heads, @Nullable Norm norm, UnaryOperator<Tensor> turn) {
        return turnsFirst ? normed(turn.apply(heads), norm) : turn.apply(normed(heads, norm));
    }

    private static Tensor normed(Tensor heads, @Nullable Norm norm) {
        return norm == null ? heads : norm.forward(heads);
    }

    @Override
    public boolean isBounded() {
        return shape.softcap() > 0;
    }

    @Override
    public boolean hasSinks() {
        return sinks != null;
    }

    @Override
    public long cached() {
        return projection.cached(shape.headDim());
    }

    @Override
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(projection.linears());
        linears.add(output);
        return linears;
    }
}
