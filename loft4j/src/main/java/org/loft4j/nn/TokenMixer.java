package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** The part of a decoder's block in which a token learns of those before it. */
public sealed interface TokenMixer permits DecoderAttention, GatedDeltaNet {
    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    Tensor forward(Tensor x, LayerPass pass);

    /** Its layers in order of use. */
    List<Linear> linears();

    /** Whether it has scores that are bounded, which needs {@link LayerPass#bias} where others leave it to their kernels. */
    boolean isBounded();

    /** Whether a query sees something where it sees no token. */
    default boolean hasSinks() {
        return false;
    }
}
