package org.loft4j.train;

import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.Threads;

/**
 * A run in a process of its own is killed by force at random moments, again and again. It ends bit for bit where the run ends
 * that nobody disturbed. {@link KillResumeSlowTest} does the same fifty times.
 */
class KillResumeEndToEndTest {
    private static final int KILLS = 3;
    private static final int STEPS = 35;

    @TempDir
    Path directory;

    @Test
    void killedAndResumedItEndsBitForBitWhereItWouldHaveEnded() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("KillResumeEndToEndTest: -Dtests.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path whole = directory.resolve("whole");
        try (Threads asTheProcess = Threads.of(KilledRun.THREADS)) {
            TinyRun.train(KilledRun.config(STEPS, 3), whole, OnExisting.REFUSE);
        }
        KilledRun run = new KilledRun(directory, STEPS, 3);
        for (int kill = 0; kill < KILLS; kill++) {
            // rising, so that every process has the step before it, and clear of the end
            run.killAfter(1 + 9L * kill + random.nextInt(9), kill % 2 == 0, random.nextInt(25_000));
        }
        run.endsLike(whole, STEPS);
    }
}
