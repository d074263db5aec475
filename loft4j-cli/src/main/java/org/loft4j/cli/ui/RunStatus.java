package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.train.RunAbout;

/** How a run stands, as far as its directory and the list of processes tell. */
enum RunStatus {
    RUNNING,
    /** Its process is there, but has written nothing for long. */
    QUIET,
    FINISHED,
    /** Early stopping ended it. */
    STOPPED_EARLY,
    /** Its loss ran away, which ended it. */
    DIVERGED,
    /** It ended before its last step, or its process is gone. */
    STOPPED,
    /** Written by a version that did not say who is at it. */
    UNKNOWN;

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    /**
     * The status of a run.
     *
     * @param about what {@code run.json} holds; null if there is none
     * @param state what {@code trainer_state.json} holds; null if there is none
     * @param lastWrite when the metrics were written last
     * @param interval the mean time between two lines of the metrics
     */
    static RunStatus of(@Nullable JsonNode about, @Nullable JsonNode state, Instant lastWrite, Duration interval) {
        boolean over = about == null || about.hasNonNull("ended");
        String finished = over && state != null ? state.path("finished").asText(null) : null;
        if (finished != null) {
            return switch (finished) {
                case "stopped_early" -> STOPPED_EARLY;
                case "diverged" -> DIVERGED;
                default -> FINISHED;
            };
        }
        if (about == null) {
            return UNKNOWN;
        }
        if (about.hasNonNull("ended")) {
            boolean whole = about.path("last_step").asLong(-1)
                            >= about.path("total_steps").asLong(Long.MAX_VALUE)
                    && !about.path("evaluation_pending").asBoolean(false);
            return whole ? FINISHED : STOPPED;
        }
        Duration silence = Duration.between(lastWrite, Instant.now());
        Duration expected = interval.multipliedBy(5);
        boolean quiet = silence.compareTo(PATIENCE) > 0 && silence.compareTo(expected) > 0;
        String host = about.path("host").asText(null);
        boolean here = host == null || Objects.equals(host, RunAbout.hostName());
        if (here && !isAlive(about)) {
            return STOPPED;
        }
        return quiet ? QUIET : RUNNING;
    }

    /** The end of a comparison's trial whose own files have gone, by its result. */
    static RunStatus ofTrial(Path result) {
        try {
            return Json.read(result).has("failure") ? DIVERGED : FINISHED;
        } catch (CheckpointException e) {
            return STOPPED;
        }
    }

    /** Numbers of processes are used again, so that the start must agree as well, if possible by what no clock changes. */
    private static boolean isAlive(JsonNode about) {
        long pid = about.path("pid").asLong(-1);
        String said = about.path("process_mark").asText(null);
        String real = said == null ? null : RunAbout.processMark(pid);
        if (real != null) {
            return real.equals(said);
        }
        String started = about.path("process_started").asText(null);
        return ProcessHandle.of(pid)
                .filter(process -> started == null || began(process, started))
                .isPresent();
    }

    private static boolean began(ProcessHandle process, String started) {
        try {
            Instant said = Instant.parse(started);
            return process.info()
                    .startInstant()
                    .map(real -> Duration.between(real, said).abs().compareTo(Duration.ofSeconds(5)) < 0)
                    .orElse(true);
        } catch (DateTimeException e) {
            return false;
        }
    }
}
