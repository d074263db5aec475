package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;

class RunLockTest {
    @TempDir
    Path directory;

    @Test
    void aDirectoryHasOneRunAtATime() throws IOException {
        Path output = directory.resolve("new/out");
        try (RunLock lock = RunLock.acquire(output)) {
            String message = assertThrows(ConfigException.class, () -> RunLock.acquire(output))
                    .getMessage();
            assertTrue(message.contains("is in use by another run"), message);
        }
        RunLock.acquire(output).close();
    }

    @Test
    void aFileIsNoDirectory() throws IOException {
        Path file = Files.writeString(directory.resolve("train.csv"), "");
        for (Path output : List.of(file, file.resolve("run"))) {
            String message = assertThrows(ConfigException.class, () -> RunLock.acquire(output))
                    .getMessage();
            assertTrue(message.startsWith("output_dir " + output + " cannot be "), message);
            assertTrue(message.contains(file.toString()), message);
            assertFalse(message.contains("Exception"), message);
        }
        String message =
                assertThrows(ConfigException.class, () -> RunLock.acquire(file)).getMessage();
        assertTrue(message.endsWith("train.csv is a file: choose another directory"), message);
    }
}
