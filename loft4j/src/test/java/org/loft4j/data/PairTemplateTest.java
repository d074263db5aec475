package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PairTemplateTest {
    private static final PairTemplate PAIR = new PairTemplate(new int[] {1}, new int[] {2}, new int[] {3}, -1);

    private static int[] text(int from, int length) {
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = from + i;
        }
        return ids;
    }

    /** Whichever of the two loses them. */
    @Test
    void whatAPairLosesIsCountedOfBothTexts() {
        EncodedText second = PAIR.encode(text(10, 3), text(20, 9), 9);
        assertArrayEquals(new int[] {1, 10, 11, 12, 2, 20, 21, 22, 3}, second.ids());
        assertEquals(6, second.lost());
        EncodedText first = PAIR.encode(text(10, 9), text(20, 3), 9);
        assertArrayEquals(new int[] {1, 10, 11, 12, 2, 20, 21, 22, 3}, first.ids());
        assertEquals(6, first.lost());
        EncodedText both = PAIR.encode(text(10, 9), text(20, 8), 10);
        assertEquals(10, both.ids().length);
        assertEquals(10, both.lost());
        assertEquals(0, PAIR.encode(text(10, 3), text(20, 3), 9).lost());
    }
}
