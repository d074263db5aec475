package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run in a process of its own is killed by force at random moments, again and again. It ends bit for bit where the run ends
 * that nobody disturbed.
 */
class KillResumeEndToEndTest {
    private static final int KILLS = 4;
    private static final int STEPS = 44;
    private static final long TIMEOUT_SECONDS = 120;

    @TempDir
    Path directory;

    private static TrainConfig config() {
        return TinyRun.config(Method.LOFT)
                .maxSteps(STEPS)
                .loggingSteps(4)
                .evalSteps(11)
                .saveSteps(3)
                .build();
    }

    /** The process to be killed: says each step, so that the test knows when. */
    public static void main(String[] arguments) throws IOException {
        TrainListener speak = new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                System.out.println("step " + event.step());
                System.out.flush();
            }
        };
        TrainResult result = TinyRun.train(config(), Path.of(arguments[0]), OnExisting.RESUME, speak);
        System.out.println(result.outcome());
    }

    private Process start(Path output) throws IOException {
        return ChildJvm.start(
                KillResumeEndToEndTest.class, directory.resolve("child.log"), List.of("-Xmx512m"), output.toString());
    }

    /** Waits until the process has taken a step, then somewhat longer, and kills it. */
    private void killAfter(Process process, long step, long extraMillis) throws Exception {
        try (BufferedReader lines = process.inputReader()) {
            String line;
            do {
                line = lines.readLine();
                assertNotNull(line, () -> "the process ended before step " + step + ": " + log());
            } while (Long.parseLong(line.substring("step ".length())) < step);
            Thread.sleep(extraMillis);
            process.destroyForcibly();
        }
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertNotEquals(0, process.exitValue());
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("child.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void killedAndResumedItEndsBitForBitWhereItWouldHaveEnded() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("KillResumeEndToEndTest: -Dtests.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path whole = directory.resolve("whole");
        TinyRun.train(config(), whole, OnExisting.REFUSE);

        Path killed = directory.resolve("killed");
        for (int kill = 0; kill < KILLS; kill++) {
            // rising, so that every process has the step before it, and clear of the end
            long step = 1 + 9L * kill + random.nextInt(9);
            killAfter(start(killed), step, random.nextInt(25));
        }
        Process last = start(killed);
        String end = "";
        try (BufferedReader lines = last.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                end = line;
            }
        }
        assertTrue(last.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertEquals("FINISHED", end, () -> "seed " + seed + ": " + log());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, killed, STEPS);
    }
}
