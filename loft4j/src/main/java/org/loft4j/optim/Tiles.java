package org.loft4j.optim;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/**
 * The tiles in which a matrix of W's size is worked on, so that nothing of that size is ever held. It is cut from both sides: in
 * strips of whole rows, a product would read all of its second operand for a few rows.
 */
final class Tiles {
    /** Both sides of a tile: small enough for the processor's cache, large enough to be worth a call. */
    static final long SIDE = 512;

    /** Works on what lies in {@code [from, from + count)}, in a scope of its own. */
    interface Part {
        void accept(long from, long count);
    }

    /** Works on the same piece of each of several tensors. */
    interface Pieces {
        void accept(List<Tensor> pieces);
    }

    /** Elements of a piece on which several passes follow each other. */
    private static final long PIECE = 1 << 17;

    /**
     * Rows of a tile for thin products and for passes over what they make: with r ≤ 16 OpenBLAS makes no copies for a product as
     * small as that, and what it makes stays in the cache nearest to the core.
     */
    private static final long STRIP = 120;

    /** Elements that are made at once: 4 MB in float32. */
    private static final long MOST = 1 << 20;

    /** Below it a product reads its other operand too often. */
    private static final long NARROWEST = 32;

    /** Works on some rows of a tile. */
    interface Strip {
        void accept(long from, Tensor rows);
    }

    private Tiles() {}

    /** A side of a matrix, tile by tile. */
    static void along(long length, Part body) {
        each(length, SIDE, body);
    }

    /** The same where each place has so many rows beside it, of which no more than a piece is made at once. */
    static void along(long length, long rows, Part body) {
        each(length, Math.max(NARROWEST, Math.min(SIDE, MOST / rows / NARROWEST * NARROWEST)), body);
    }

    /** How many rows a strip has at most: on a device, where a call costs more than it saves, all of a tile. */
    static long strip(Tensor tile) {
        return tile.is_cuda() ? SIDE : STRIP;
    }

    /** A tile, some rows at a time. */
    static void strips(Tensor tile, Strip body) {
        each(tile.size(0), strip(tile), (from, count) -> body.accept(from, tile.narrow(0, from, count)));
    }

    /**
     * The elements of tensors of one shape, in pieces that stay in the cache from one pass to the next. All at once where they do
     * not lie in a row, or on a device, where a call costs more than it saves.
     */
    static void elements(List<Tensor> tensors, Pieces body) {
        Tensor first = tensors.get(0);
        if (first.is_cuda() || first.numel() <= PIECE || !tensors.stream().allMatch(tensor -> tensor.is_contiguous())) {
            body.accept(tensors);
            return;
        }
        List<Tensor> flat = tensors.stream().map(tensor -> tensor.view(-1)).toList();
        each(
                first.numel(),
                PIECE,
                (from, count) -> body.accept(flat.stream()
                        .map(tensor -> tensor.narrow(0, from, count))
                        .toList()));
    }

    private static void each(long length, long step, Part body) {
        for (long from = 0; from < length; from += step) {
            try (NativeScope scope = new NativeScope()) {
                body.accept(from, Math.min(step, length - from));
            }
        }
    }
}
