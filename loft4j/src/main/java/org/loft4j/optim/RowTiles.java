package org.loft4j.optim;

import org.loft4j.tensor.NativeScope;

/** Walks over a matrix of W's size a tile of rows at a time, so that nothing of that size is ever held. */
final class RowTiles {
    /** Elements of a tile: small enough for the processor's cache, large enough to be worth a call. */
    private static final long ELEMENTS = 1 << 18;

    /** Works on the given rows, in a scope of its own. */
    interface Tile {
        void accept(long from, long count);
    }

    private RowTiles() {}

    /** Rows of a tile. */
    static long size(long rows, long columns) {
        return Math.min(rows, Math.max(32, ELEMENTS / columns));
    }

    static void forEach(long rows, long columns, Tile body) {
        long size = size(rows, columns);
        for (long from = 0; from < rows; from += size) {
            try (NativeScope scope = new NativeScope()) {
                body.accept(from, Math.min(size, rows - from));
            }
        }
    }
}
