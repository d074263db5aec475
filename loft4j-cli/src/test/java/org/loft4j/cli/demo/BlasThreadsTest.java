package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.tensor.Engine;

class BlasThreadsTest {
    @Test
    void choosesOneOrAll() throws Exception {
        int threads = BlasThreads.choose();
        assertTrue(threads == 1 || threads == Engine.threads(), "chose " + threads);
    }
}
