package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class LastingThreadTest {
    @Test
    void nothingIsTakenOverFromTheThreadThatMakesOne() throws InterruptedException {
        try (Heritage heritage = new Heritage()) {
            Thread thread = LastingThread.of(heritage::look, "loft-lane");
            thread.start();
            thread.join(60_000);
            assertEquals(List.of(thread), heritage.lookedIn());
            assertEquals("loft-lane", thread.getName());
            assertTrue(thread.isDaemon());
            heritage.requireNone();
        }
    }
}
