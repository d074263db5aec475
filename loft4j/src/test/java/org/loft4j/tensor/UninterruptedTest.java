package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class UninterruptedTest {
    @Test
    void anInterruptWaitsForTheResult() throws Exception {
        CompletableFuture<String> late = new CompletableFuture<>();
        late.completeOnTimeout("there", 50, TimeUnit.MILLISECONDS);
        Thread.currentThread().interrupt();
        assertEquals("there", Uninterrupted.await(late::get));
        assertTrue(Thread.interrupted());
    }

    @Test
    void aFaultIsThatOfTheWait() {
        assertThrows(
                IOException.class,
                () -> Uninterrupted.await(() -> {
                    throw new IOException("gone");
                }));
        assertFalse(Thread.interrupted());
    }
}
