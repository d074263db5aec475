package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Texts in equal chunks, within which the tokens of a memory are computed at once. */
final class MemoryChunks {
    /** Tokens of a chunk at most: with more of them what is computed within it grows, with fewer the steps from chunk to chunk. */
    static final long TOKENS = 64;

    private MemoryChunks() {}

    private static long chunks(long length) {
        return (length + TOKENS - 1) / TOKENS;
    }

    /** Tokens of a chunk of such a text. */
    static long tokens(long length) {
        return (length + chunks(length) - 1) / chunks(length);
    }

    /** {@code (batch, seq, heads, dim)} as {@code (chunks, batch·heads, tokens, dim)}, with zeros behind the last token. */
    static Tensor of(Tensor x) {
        long length = x.size(1);
        long chunks = chunks(length);
        long tokens = tokens(length);
        long missing = chunks * tokens - length;
        Tensor whole = missing == 0 ? x : torch.constant_pad_nd(x, 0, 0, 0, 0, 0, missing);
        return whole.unflatten(1, chunks, tokens).permute(1, 0, 3, 2, 4).flatten(1, 2);
    }

    /**
     * The way back.
     *
     * @param x {@code (chunks, batch·heads, tokens, dim)}
     * @param length of the text, without what lies behind its last token
     * @return {@code (batch, seq, heads, dim)}
     */
    static Tensor inOrder(Tensor x, long batch, long length) {
        return x.unflatten(1, batch, x.size(1) / batch)
                .permute(1, 0, 3, 2, 4)
                .flatten(1, 2)
                .narrow(1, 0, length);
    }
}
