package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** The part of a decoder's block in which a token learns of those before it. */
public sealed interface TokenMixer permits DecoderAttention, RecurrentMixer {
    /** No earlier block. */
    int NONE = -1;

    /**
     * What it made.
     *
     * @param states {@code (batch, seq, hidden)}
     * @param seen keys and values that attention looked at; null where there are none
     */
    record Attended(Tensor states, KeyValueCache.@Nullable Entry seen) {}

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    Attended forward(Tensor x, LayerPass pass);

    /** Its layers in order of use. */
    List<Linear> linears();

    /** Numbers that a cache keeps of each token; 0 where what it keeps does not grow. */
    default long cached() {
        return 0;
    }

    /** Whether it has scores that are bounded, which needs a bias where others leave it to their kernels to hide what comes later. */
    boolean isBounded();

    /** Whether a query sees something where it sees no token. */
    default boolean hasSinks() {
        return false;
    }

    /** Number of the earlier block whose keys and values it takes ({@link LayerPass#borrowed}); {@link #NONE} where it has its own. */
    default int lender() {
        return NONE;
    }
}
