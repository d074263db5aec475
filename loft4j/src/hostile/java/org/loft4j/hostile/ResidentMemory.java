package org.loft4j.hostile;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The resident size of this process, sampled by a thread of its own; 0 where the system does not tell. */
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/statm");
    private static final long PAGE = 4096;
    private static final long PAUSE_MILLIS = 5;

    private volatile boolean running;
    private volatile long peak;
    private volatile long longestPause;
    private long baseline;

    void begin() {
        System.gc();
        baseline = resident();
        peak = baseline;
        running = true;
        Thread sampler = new Thread(
                () -> {
                    long last = System.nanoTime();
                    while (running) {
                        peak = Math.max(peak, resident());
                        long now = System.nanoTime();
                        longestPause = Math.max(longestPause, now - last);
                        last = now;
                        try {
                            Thread.sleep(PAUSE_MILLIS);
                        } catch (InterruptedException e) {
                            return;
                        }
                    }
                },
                "sampler of memory");
        sampler.setDaemon(true);
        sampler.start();
    }

    void end() {
        running = false;
        peak = Math.max(peak, resident());
    }

    long grownMebibytes() {
        return (peak - baseline) >> 20;
    }

    /** For how long the sampler did not run at most: the process stood still, or waited for a processor. */
    long longestPauseMillis() {
        return longestPause / 1_000_000;
    }

    private static long resident() {
        try {
            return Files.exists(STATUS) ? PAGE * Long.parseLong(Files.readString(STATUS).split(" ")[1]) : 0;
        } catch (IOException e) {
            return 0;
        }
    }
}
