package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ProductTimeTest {
    @Test
    void timesAreOverThatOfFloat32() {
        assertEquals(1, ProductTime.overFloat32(Dtype.F32), 0);
        // half as many numbers in a register: about 2
        double exact = ProductTime.overFloat32(Dtype.F64);
        assertTrue(exact > 0.2 && exact < 50, "float64 takes " + exact);
    }
}
