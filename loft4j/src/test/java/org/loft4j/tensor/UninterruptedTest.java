package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
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
    void whatAnInterruptHasClosedIsOpenedAnew() throws IOException {
        int[] opened = {0};
        assertEquals("read", Uninterrupted.withFile(() -> {
            if (opened[0]++ < 2) {
                Thread.currentThread().interrupt();
                throw new ClosedByInterruptException();
            }
            assertFalse(Thread.currentThread().isInterrupted());
            return "read";
        }));
        assertEquals(3, opened[0]);
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
