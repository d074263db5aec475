package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class SecondMomentTest {
    /** Of three entries that move one has an ε above its corrected root: 0.005, where the others have 0.02 and 0.03. */
    @Test
    void theShareOfEpsIsOfWhatMoves() {
        LoftConfig config = new LoftConfig(0.9, 0.999, 1e-2, 0, new Damping.Relative(1e-8));
        try (NativeScope scope = new NativeScope()) {
            assertEquals(
                    1.0 / 3,
                    SecondMoment.epsShare(
                            config,
                            Tensors.of(new double[] {1, -1, 0, 1}, 4),
                            Tensors.of(new double[] {2.5e-8, 4e-7, 0, 9e-7}, 4),
                            1),
                    0);
        }
    }
}
