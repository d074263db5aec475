package org.loft4j.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, in tokens.
 *
 * @param ids with the special tokens around and between texts
 * @param secondFrom where token type 1 begins; the number of tokens where all are of type 0
 * @param lost tokens that were cut
 */
record EncodedText(int[] ids, int secondFrom, int lost) {
    long @Nullable [] tokenTypeIds() {
        return tokenTypeIds(ids.length, secondFrom);
    }

    /** Zeros, and ones from a place on; null where all are zeros. */
    static long @Nullable [] tokenTypeIds(int length, int secondFrom) {
        if (secondFrom >= length) {
            return null;
        }
        long[] types = new long[length];
        Arrays.fill(types, secondFrom, length, 1);
        return types;
    }
}
