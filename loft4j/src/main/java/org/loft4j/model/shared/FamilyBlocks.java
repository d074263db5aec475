package org.loft4j.model.shared;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.LayerInputs;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Weights;

/** The blocks of a family that differ from Llama's in more than {@link DecoderLayout} can say. */
public interface FamilyBlocks {
    /**
     * Parameters outside of the blocks, beside embedding, norm and head.
     *
     * @param base what their names begin with
     */
    default List<ParameterSpec> around(String base) {
        return List.of();
    }

    /**
     * Parameters of a block.
     *
     * @param path what their names begin with, such as {@code model.layers.0.}
     */
    List<ParameterSpec> parameters(int i, String path);

    /**
     * A block over its weights.
     *
     * @param shape of the attention, as far as all blocks have the same
     */
    DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights);

    /** What each block is given of a token beside the states; null for nothing. */
    default @Nullable LayerInputs layerInputs(String base, Weights weights) {
        return null;
    }

    /** What is between them and the vectors of tokens, of weights that {@link #around} tells of. */
    default DecoderEdges edges(String base, Weights weights) {
        return DecoderEdges.NONE;
    }

    /** Width of the vectors of tokens, and of what a head reads, in a model with states of a width. */
    default long tokenWidth(long hidden) {
        return hidden;
    }

    /** What a query in the padding sees; see {@link CausalDecoder.LayerKind}. */
    default boolean futureBelowPadding() {
        return false;
    }

    /** What lies around them. */
    default DecoderFrame frame() {
        return DecoderFrame.LLAMA;
    }

    /** Whether a checkpoint may hold this without being missed. */
    default boolean isUnused(String name) {
        return false;
    }
}
