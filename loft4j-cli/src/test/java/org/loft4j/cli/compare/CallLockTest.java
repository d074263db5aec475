package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CallLockTest {
    /** Whatever runs they take, and those that died left out. */
    @Test
    void theCallsThatAreAtWorkAreCounted(@TempDir Path output) throws IOException {
        assertEquals(0, CallLock.count(output));
        try (CallLock one = CallLock.acquire(output)) {
            assertEquals(0, one.others());
            Files.createFile(output.resolve(".call-died.lock"));
            assertEquals(0, one.others());
            try (CallLock two = CallLock.acquire(output)) {
                assertEquals(1, one.others());
                assertEquals(1, two.others());
                assertEquals(2, CallLock.count(output));
            }
            assertEquals(0, one.others());
            assertEquals(1, CallLock.count(output));
        }
    }
}
