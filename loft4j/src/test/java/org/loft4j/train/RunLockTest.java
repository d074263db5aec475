package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
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

    /** Another process that asks for the directory. */
    public static void main(String[] arguments) throws IOException {
        try (RunLock lock = RunLock.tryAcquire(Path.of(arguments[0]))) {
            System.out.println(lock == null ? "refused" : "let in");
        }
    }

    private String another(Path output) throws IOException, InterruptedException {
        Path errors = directory.resolve("errors.log");
        Process process = ChildJvm.plain(RunLockTest.class, errors, List.of("-Xshare:auto"), output.toString());
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), () -> "see " + errors);
        return said.strip();
    }

    /** As POSIX has it, a process loses its lock on a file when it closes the file a second time. */
    @Test
    void whoeverIsRefusedDoesNotOpenTheDirectoryToOthers() throws Exception {
        Path output = directory.resolve("out");
        try (RunLock lock = RunLock.acquire(output)) {
            assertEquals("refused", another(output));
            assertNull(RunLock.tryAcquire(output));
            assertNull(
                    RunLock.tryAcquire(directory.resolve("../" + directory.getFileName() + "/out")),
                    "the same by another name");
            assertEquals("refused", another(output));
        }
        assertEquals("let in", another(output));
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
