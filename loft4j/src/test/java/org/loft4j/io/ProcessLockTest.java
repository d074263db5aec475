package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.Logged;

/** Within one process; among several: RunLockTest of train. */
class ProcessLockTest {
    /** Of a file system without locks: Lustre without flock, NFS without its service of locks. */
    static final ProcessLock.Locking NONE = channel -> {
        throw new IOException("No locks available");
    };

    @TempDir
    Path directory;

    @Test
    void whereThereAreNoLocksTheProcessStillKeepsOutItself() throws IOException {
        Path file = directory.resolve("new/out.lock");
        for (int i = 0; i < 2; i++) {
            try (Logged log = new Logged(ProcessLock.class);
                    ProcessLock lock = ProcessLock.tryAcquire(file, "one at a time", NONE)) {
                assertNotNull(lock);
                assertNull(ProcessLock.tryAcquire(file, "one at a time", NONE));
                assertEquals(List.of(file + " cannot be locked (No locks available): one at a time"), log.texts());
            }
        }
    }
}
