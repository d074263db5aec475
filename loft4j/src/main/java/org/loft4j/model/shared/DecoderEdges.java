package org.loft4j.model.shared;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Norm;
import org.loft4j.nn.PositionVectors;

/**
 * What a decoder has between the vectors of its tokens and its blocks, and behind these, that Llama's do not have.
 *
 * @param positions learned ones, added to what enters the first block; null for none
 * @param entry from the vectors of tokens to the states of the blocks; null where they are as wide
 * @param norm behind the last block where {@link DecoderFrame#norm} names none; null for none
 * @param exit from there back to the width of the vectors of tokens; null where they are as wide
 */
public record DecoderEdges(
        PositionVectors.@Nullable Table positions,
        @Nullable Linear entry,
        @Nullable Norm norm,
        @Nullable Linear exit) {
    /** Nothing. */
    public static final DecoderEdges NONE = new DecoderEdges(null, null, null, null);
}
