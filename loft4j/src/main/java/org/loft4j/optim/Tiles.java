package org.loft4j.optim;

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

    private Tiles() {}

    static void along(long length, Part body) {
        for (long from = 0; from < length; from += SIDE) {
            try (NativeScope scope = new NativeScope()) {
                body.accept(from, Math.min(SIDE, length - from));
            }
        }
    }
}
