package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The attention of a decoder's block: heads, their norms and rotation, {@link Attention}, and the projection back.
 *
 * @param layer number of the block, from 0
 * @param shape sizes and scale
 * @param projection of the hidden states to heads
 * @param queryNorm over each head of the queries, before the rotation; null for none
 * @param keyNorm the same for the keys
 * @param output from the heads to the hidden states
 */
public record DecoderAttention(
        int layer,
        Shape shape,
        HeadProjection projection,
        @Nullable Norm queryNorm,
        @Nullable Norm keyNorm,
        Linear output) {
    /**
     * What does not depend on the input.
     *
     * @param headDim size of one head
     * @param scale of the scores
     * @param softcap bound of the scores; 0 for none
     * @param dropout on the probabilities while training
     */
    public record Shape(int headDim, double scale, double softcap, double dropout) {}

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    public Tensor forward(Tensor x, LayerPass pass) {
        HeadProjection.Heads heads = projection.project(x, shape.headDim());
        Tensor q = placed(heads.query(), queryNorm, pass);
        Tensor k = placed(heads.key(), keyNorm, pass);
        Tensor v = heads.value();
        KeyValueCache cache = pass.cache();
        if (cache != null) {
            KeyValueCache.Entry all = cache.append(layer, k, v);
            k = all.key();
            v = all.value();
        }
        double dropout = pass.training() ? shape.dropout() : 0;
        Tensor attended = shape.softcap() > 0 || pass.blind()
                ? Attention.attendUnfused(q, k, v, pass.bias(), dropout, shape.scale(), shape.softcap())
                : Attention.attend(q, k, v, pass.bias(), pass.causal(), dropout, shape.scale());
        return output.forward(attended);
    }

    private static Tensor placed(Tensor heads, @Nullable Norm norm, LayerPass pass) {
        Tensor normed = norm == null ? heads : norm.forward(heads);
        return pass.rotation() == null ? normed : pass.rotation().apply(normed);
    }

    /** Its layers in order of use. */
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(projection.linears());
        linears.add(output);
        return linears;
    }
}
