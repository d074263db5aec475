package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.Logged;

class HubLockTest {
    @TempDir
    Path directory;

    /** Lustre without flock, NFS without its service of locks: downloads go on, those of one process one by one. */
    @Test
    void whereThereAreNoLocksTheThreadsOfAProcessStillWait() throws Exception {
        Path file = directory.resolve("locks/blob.lock");
        CountDownLatch waits = new CountDownLatch(1);
        try (Logged log = new Logged(ProcessLock.class)) {
            HubLock held = HubLock.acquire(file, () -> {}, ProcessLockTest.NONE);
            CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
                try (HubLock next = HubLock.acquire(file, waits::countDown, ProcessLockTest.NONE)) {
                    // held in turn
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            assertTrue(waits.await(30, TimeUnit.SECONDS));
            assertFalse(other.isDone());
            assertEquals(
                    List.of(file + " cannot be locked (No locks available): download a model by one process at a time"),
                    log.texts());
            held.close();
            other.get(30, TimeUnit.SECONDS);
        }
    }
}
