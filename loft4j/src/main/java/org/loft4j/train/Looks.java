package org.loft4j.train;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Attention;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.HeadByHead;
import org.loft4j.nn.RecurrentMixer;

/**
 * How the attention of a decoder's block looks at tokens.
 *
 * @param kind the windows
 * @param bounded whether scores are bounded, which no fused kernel does
 * @param sinks whether there is a key for sinks, beside which heads are wider
 * @param normed whether queries and keys have norms
 * @param widens whether these widen half types inside, and keep that
 */
record Looks(CausalDecoder.LayerKind kind, boolean bounded, boolean sinks, boolean normed, boolean widens) {
    /** Of a block; null where it has a memory for attention. */
    static @Nullable Looks of(DecoderBlock block, CausalDecoder.LayerKind kind) {
        if (block.attention() instanceof RecurrentMixer) {
            return null;
        }
        DecoderAttention own = block.attention() instanceof DecoderAttention attention ? attention : null;
        return new Looks(
                kind,
                block.attention().isBounded(),
                block.attention().hasSinks(),
                own != null && own.queryNorm() != null,
                own != null && own.queryNorm() instanceof HeadByHead);
    }

    /** Whether a lane has our own attention for rows of so many tokens. */
    boolean isOurs(long columns) {
        long window = kind.window() == 0 ? columns : kind.window();
        return !kind.bothSides() && !bounded && !sinks && Attention.isOurs(columns, window);
    }
}
