package org.loft4j.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;

/** Lets one download at a time write a blob. */
final class HubLock implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(100);

    private final ProcessLock lock;

    private HubLock(ProcessLock lock) {
        this.lock = lock;
    }

    /** Waits until the lock is free. {@code waiting} is run once if it is not free at once. */
    static HubLock acquire(Path file, Runnable waiting) throws IOException {
        return acquire(file, waiting, FileChannel::tryLock);
    }

    static HubLock acquire(Path file, Runnable waiting, ProcessLock.Locking locking) throws IOException {
        for (boolean first = true; ; first = false) {
            ProcessLock lock = ProcessLock.tryAcquire(file, "download a model by one process at a time", locking);
            if (lock != null) {
                return new HubLock(lock);
            }
            if (first) {
                waiting.run();
            }
            HubRetries.sleep(POLL);
        }
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
