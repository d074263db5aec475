package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.loft4j.train.RunAbout;

class RunStatusTest {
    private static JsonNode json(String text) throws IOException {
        return new ObjectMapper().readTree(text);
    }

    private static RunStatus status(String about, Duration silence) throws IOException {
        return RunStatus.of(json(about), null, Instant.now().minus(silence), Duration.ofSeconds(10));
    }

    private static RunStatus status(@Nullable JsonNode about, String state) throws IOException {
        return RunStatus.of(about, json(state), Instant.now(), Duration.ZERO);
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

    /** Where it is set, Linux gives the processes that are there another time of day at which they began. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theClockMayBeSetWhileARunGoesOn() throws IOException {
        long pid = ProcessHandle.current().pid();
        String mark = RunAbout.processMark(pid);
        Assumptions.assumeTrue(mark != null, "the system does not say when a process began");
        String about = "{\"pid\": %d, \"process_started\": \"%s\", \"process_mark\": \"%s\"}";
        Instant began = ProcessHandle.current().info().startInstant().orElseThrow();
        Instant before = began.minusSeconds(3600);
        assertEquals(RunStatus.RUNNING, status(about.formatted(pid, before, mark), Duration.ofSeconds(1)));
        assertEquals(RunStatus.STOPPED, status(about.formatted(pid, began, mark + "1"), Duration.ofSeconds(1)));
        assertEquals(RunStatus.STOPPED, status(about.formatted(99999999, began, mark), Duration.ofSeconds(1)));
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
        assertEquals(RunStatus.FINISHED, status(ended + "10, \"evaluation_pending\": false}", Duration.ZERO));
        assertEquals(RunStatus.STOPPED, status(ended + "10, \"evaluation_pending\": true}", Duration.ZERO));
        JsonNode stopped = json(ended + "4}");
        assertEquals(RunStatus.STOPPED_EARLY, status(stopped, "{\"finished\": \"stopped_early\"}"));
        assertEquals(RunStatus.STOPPED_EARLY, status((JsonNode) null, "{\"finished\": \"stopped_early\"}"));
        assertEquals(RunStatus.DIVERGED, status(stopped, "{\"finished\": \"diverged\"}"));
        assertEquals(RunStatus.UNKNOWN, status((JsonNode) null, "{}"));
        assertEquals(RunStatus.UNKNOWN, status((JsonNode) null, "{\"finished\": null}"));
    }
}
