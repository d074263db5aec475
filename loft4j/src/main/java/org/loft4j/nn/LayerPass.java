package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.RotaryEmbedding.Rotation;

/**
 * What is the same for all blocks of a kind in one pass through a decoder.
 *
 * @param rotation of queries and keys; null for none
 * @param sight what each token sees
 * @param blind whether some query sees no key at all, which the kernels' backward pass gets wrong
 * @param training whether dropout is on
 * @param cache of earlier positions, or null
 * @param tokens 1 for a token and 0 for padding, {@code (batch, seq, 1)} in the type of the model; null when nothing is padded
 * @param segments lengths of packed sequences, which see nothing of each other; null for none
 * @param input what the block is given of each token beside the states ({@link LayerInputs}), {@code (batch, seq, width)}; null for
 *     nothing
 * @param borrowed keys and values of an earlier block, where the block has none of its own; else null
 */
public record LayerPass(
        @Nullable Rotation rotation,
        Sight sight,
        boolean blind,
        boolean training,
        @Nullable KeyValueCache cache,
        @Nullable Tensor tokens,
        long @Nullable [] segments,
        @Nullable Tensor input,
        KeyValueCache.@Nullable Entry borrowed) {
    /** The same for one block. */
    LayerPass with(@Nullable Tensor newInput, KeyValueCache.@Nullable Entry newBorrowed) {
        return new LayerPass(rotation, sight, blind, training, cache, tokens, segments, newInput, newBorrowed);
    }
}
