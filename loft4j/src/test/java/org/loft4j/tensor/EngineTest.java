package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class EngineTest {
    /** One word; which one depends on the processor. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theKernelsOfProductsAreNamed() {
        Engine.start();
        String kernels = Engine.blasKernels().orElseThrow();
        assertTrue(kernels.matches("[A-Za-z][A-Za-z0-9_]{2,}"), kernels);
    }
}
