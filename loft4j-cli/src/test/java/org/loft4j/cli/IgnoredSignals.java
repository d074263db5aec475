package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Which signals this process was started to ignore, as nohup and a shell's background jobs do; only Linux tells. */
final class IgnoredSignals {
    private static final int HANG_UP = 1;
    private static final int INTERRUPT = 2;

    private IgnoredSignals() {}

    static boolean hangUp() throws IOException {
        return has(HANG_UP);
    }

    /** That of Ctrl-C. */
    static boolean interrupt() throws IOException {
        return has(INTERRUPT);
    }

    /** By the bits of the signals that Linux says are ignored, the first of which is number 1. */
    private static boolean has(int signal) throws IOException {
        Path status = Path.of("/proc/self/status");
        return Files.exists(status)
                && Files.readAllLines(status).stream()
                        .filter(line -> line.startsWith("SigIgn:"))
                        .anyMatch(line ->
                                (Long.parseUnsignedLong(line.substring(7).strip(), 16) >> (signal - 1) & 1) != 0);
    }
}
