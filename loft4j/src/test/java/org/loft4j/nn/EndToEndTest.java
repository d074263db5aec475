package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.tensor.Dtype;

/** When a batch is read without its padding: the sides of what docs/performance.md has measured. */
class EndToEndTest {
    @Test
    void itPaysWhereManyPlacesArePaddingAndRowsAreNotTooShort() {
        assertTrue(EndToEnd.pays(512, 16, 64, 512, Dtype.F32));
        assertTrue(EndToEnd.pays(205, 16, 16, 512, Dtype.F32));
        // nearly full
        assertFalse(EndToEnd.pays(922, 16, 64, 512, Dtype.F32));
        assertTrue(EndToEnd.pays(921, 16, 64, 512, Dtype.F32));
        // short rows of a small model: 7 tokens are spared of each, then 9
        assertFalse(EndToEnd.pays(128 * 9, 128, 16, 128, Dtype.F32));
        assertTrue(EndToEnd.pays(128 * 23, 128, 32, 128, Dtype.F32));
        assertFalse(EndToEnd.pays(615, 16, 64, 512, Dtype.BF16));
        assertTrue(EndToEnd.pays(614, 16, 64, 512, Dtype.BF16));
    }
}
