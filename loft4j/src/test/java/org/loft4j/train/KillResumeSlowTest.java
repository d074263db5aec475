package org.loft4j.train;

import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.Threads;

/**
 * The long form of {@link KillResumeEndToEndTest}: fifty kills, most of them aimed at a checkpoint that is being written. After
 * each, whatever was said to be saved is there.
 */
@Tag("slow")
class KillResumeSlowTest {
    private static final int KILLS = Integer.getInteger("tests.kills", 50);
    private static final int APART = 5;

    @TempDir
    Path directory;

    @Test
    void killedFiftyTimesItEndsBitForBitWhereItWouldHaveEnded() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("KillResumeSlowTest: -Dtests.seed=" + seed + " -Dtests.kills=" + KILLS);
        SplittableRandom random = new SplittableRandom(seed);
        int steps = APART * (KILLS + 2);
        Path whole = directory.resolve("whole");
        try (Threads asTheProcess = Threads.of(KilledRun.THREADS)) {
            TinyRun.train(KilledRun.config(steps, 1), whole, OnExisting.REFUSE);
        }
        KilledRun run = new KilledRun(directory, steps, 1);
        for (int kill = 0; kill < KILLS; kill++) {
            // each process has the step before it, wherever the one before was killed
            long step = 1 + (long) APART * kill + random.nextInt(APART - 1);
            run.killAfter(step, random.nextInt(3) > 0, random.nextInt(20_000));
        }
        System.out.println("KillResumeSlowTest: " + run.killedWhileSaving() + " of " + KILLS
                + " kills met a checkpoint that was being written or removed");
        run.endsLike(whole, steps);
    }
}
