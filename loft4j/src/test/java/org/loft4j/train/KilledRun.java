package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A run in a process of its own, for a test to kill: it says each step and each checkpoint that is complete. */
final class KilledRun {
    /** More than one, so that the rows of a batch are shared out. */
    static final int THREADS = 2;

    private static final long TIMEOUT_SECONDS = 300;

    private final Path output;
    private final Path log;
    private final List<String> arguments;
    private long saved;
    private int killedWhileSaving;

    /** @param steps of the run, {@code saveEvery} between two checkpoints */
    KilledRun(Path directory, long steps, long saveEvery) {
        this.output = directory.resolve("killed");
        this.log = directory.resolve("child.log");
        this.arguments = List.of(output.toString(), Long.toString(steps), Long.toString(saveEvery));
    }

    static TrainConfig config(long steps, long saveEvery) {
        return TinyRun.config(Method.LOFT)
                .maxSteps(steps)
                .loggingSteps(4)
                .evalSteps(11)
                .saveSteps(saveEvery)
                .build();
    }

    /** The process to be killed. */
    public static void main(String[] arguments) throws IOException {
        TrainListener speak = new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                say("step " + event.step());
            }

            @Override
            public void onSave(long step, Path checkpoint) {
                say("saved " + step);
            }
        };
        TrainConfig config = config(Long.parseLong(arguments[1]), Long.parseLong(arguments[2]));
        TrainResult result = TinyRun.train(config, Path.of(arguments[0]), OnExisting.RESUME, speak);
        say(result.outcome().toString());
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    Path output() {
        return output;
    }

    /** How many of the kills left a checkpoint behind that was being written, or removed. */
    int killedWhileSaving() {
        return killedWhileSaving;
    }

    private Process start() throws IOException {
        return ChildJvm.start(
                KilledRun.class,
                log,
                List.of("-Xmx512m", "-Xshare:auto", "-Dloft.threads=" + THREADS),
                arguments.toArray(String[]::new));
    }

    /**
     * Starts the process, waits until it has taken a step, then somewhat longer, and kills it.
     *
     * @param whenSaving whether to wait for the next checkpoint to be begun first
     */
    void killAfter(long step, boolean whenSaving, long extraMicros) throws Exception {
        Process process = start();
        try (BufferedReader lines = process.inputReader()) {
            for (String line = ""; !line.equals("step " + step); hear(line)) {
                line = lines.readLine();
                assertNotNull(line, () -> "the process ended before step " + step + ": " + log());
            }
            assertNull(RunLock.tryAcquire(output), "a second process is let in");
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
            while (whenSaving && !isSaving() && process.isAlive() && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
            TimeUnit.MICROSECONDS.sleep(extraMicros);
            // not that of the process, which would close the stream with what it has said
            process.toHandle().destroyForcibly();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                hear(line);
            }
        }
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertNotEquals(0, process.exitValue(), "it ended by itself");
        killedWhileSaving += isSaving() ? 1 : 0;
        assertNothingIsLost();
    }

    private void hear(String line) {
        if (line.startsWith("saved ")) {
            saved = Long.parseLong(line.substring("saved ".length()));
        }
    }

    /** What was said to be saved is there and whole, or something newer is. */
    private void assertNothingIsLost() throws IOException {
        Path newest = new Checkpoints(output).newest();
        long there = newest == null
                ? 0
                : Long.parseLong(newest.getFileName().toString().substring("checkpoint-".length()));
        assertTrue(there >= saved, () -> "checkpoint-" + saved + " was complete, and now the newest is " + newest);
    }

    private boolean isSaving() throws IOException {
        if (!Files.isDirectory(output)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(output)) {
            return entries.anyMatch(path -> path.getFileName().toString().matches("\\.checkpoint-[0-9]+\\.(tmp|old)"));
        }
    }

    /** Lets the run come to its end and compares it with one that nobody disturbed. */
    void endsLike(Path whole, long steps) throws Exception {
        Process last = start();
        String end = "";
        try (BufferedReader lines = last.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                end = line;
            }
        }
        assertTrue(last.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertEquals("FINISHED", end, this::log);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, output, steps);
        try (Stream<Path> entries = Files.list(output)) {
            assertTrue(entries.noneMatch(path -> path.toString().contains("set-aside")), "a kill tears no checkpoint");
        }
    }

    private String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
