package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * How a decoder's ids become vectors.
 *
 * @param tokens {@code (vocabulary, width)}
 * @param scale of the vectors; 1 for none
 * @param positions added to them; null for none
 * @param projection to the width of the states; null where they are as wide
 * @param dropout on the sum, while training
 * @param padTokenId whose vector gets no gradient, as in Transformers; negative for none
 * @param layerInputs what each block is given beside; null for nothing
 */
public record DecoderEmbedding(
        WeightMatrix tokens,
        double scale,
        PositionVectors.@Nullable Table positions,
        @Nullable Linear projection,
        double dropout,
        long padTokenId,
        @Nullable LayerInputs layerInputs) {
    /**
     * The sum, {@code (batch, seq, hidden)}, before dropout.
     *
     * @param past tokens before these
     */
    Tensor of(Tensor inputIds, Padding padding, long past) {
        Tensor vectors = tokens.lookup(inputIds, padTokenId);
        if (scale != 1) {
            vectors = vectors.mul(new Scalar(scale));
        }
        if (projection != null) {
            vectors = projection.forward(vectors);
        }
        return positions == null ? vectors : positions.addedTo(vectors, padding, past);
    }
}
