package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStatusTest {
    @TempDir
    Path directory;

    private RunStatus status(String about, Duration silence) throws IOException {
        return RunStatus.of(
                directory, new ObjectMapper().readTree(about), Instant.now().minus(silence), Duration.ofSeconds(10));
    }

    @Test
    void aProcessThatIsThereRunsAndOneThatIsGoneHasStopped() throws IOException {
        long pid = ProcessHandle.current().pid();
        assertEquals(RunStatus.RUNNING, status("{\"pid\": " + pid + "}", Duration.ofSeconds(1)));
        assertEquals(RunStatus.QUIET, status("{\"pid\": " + pid + "}", Duration.ofMinutes(10)));
        assertEquals(RunStatus.STOPPED, status("{\"pid\": 99999999}", Duration.ofSeconds(1)));
        // the number belongs to another process by now
        String before = "{\"pid\": " + pid + ", \"process_started\": \"2001-01-01T00:00:00Z\"}";
        assertEquals(RunStatus.STOPPED, status(before, Duration.ofSeconds(1)));
        assertEquals(RunStatus.STOPPED, status(before.replace("2001-01-01T00:00:00Z", "soon"), Duration.ofSeconds(1)));
    }

    @Test
    void processesOfAnotherMachineAreNotLookedFor() throws IOException {
        String away = "{\"pid\": 99999999, \"host\": \"no-such-machine\"}";
        assertEquals(RunStatus.RUNNING, status(away, Duration.ofSeconds(1)));
        assertEquals(RunStatus.QUIET, status(away, Duration.ofMinutes(10)));
    }

    @Test
    void theEndIsWhatTheRunSays() throws IOException {
        String ended = "{\"ended\": \"2026-01-01T00:00:00Z\", \"total_steps\": 10, \"last_step\": ";
        assertEquals(RunStatus.STOPPED, status(ended + "4}", Duration.ZERO));
        assertEquals(RunStatus.FINISHED, status(ended + "10}", Duration.ZERO));
        Files.writeString(directory.resolve("trainer_state.json"), "{\"finished\": \"stopped_early\"}");
        assertEquals(RunStatus.STOPPED_EARLY, status(ended + "4}", Duration.ZERO));
        assertEquals(RunStatus.STOPPED_EARLY, RunStatus.of(directory, null, Instant.now(), Duration.ZERO));
        Files.writeString(directory.resolve("trainer_state.json"), "{\"finished\": \"diverged\"}");
        assertEquals(RunStatus.DIVERGED, status(ended + "4}", Duration.ZERO));
        Files.writeString(directory.resolve("trainer_state.json"), "{}");
        assertEquals(RunStatus.UNKNOWN, RunStatus.of(directory, null, Instant.now(), Duration.ZERO));
    }
}
