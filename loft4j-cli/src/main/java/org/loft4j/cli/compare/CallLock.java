package org.loft4j.cli.compare;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.loft4j.train.RunLock;

/**
 * Shows that a call is at work on an output directory, between its runs too. Each call has a file of its own, which goes with it; that
 * of a call whose process died is held by nobody, and is removed by who finds it.
 */
final class CallLock implements Closeable {
    private static final String NAME = ".call-%s.lock";

    private final Path file;
    private final RunLock lock;

    private CallLock(Path file, RunLock lock) {
        this.file = file;
        this.lock = lock;
    }

    static CallLock acquire(Path output) throws IOException {
        String name = String.format(NAME, UUID.randomUUID());
        RunLock lock = RunLock.tryAcquire(output, name);
        if (lock == null) {
            // nobody else makes that name
            throw new IllegalStateException(name + " is held");
        }
        return new CallLock(output.resolve(name), lock);
    }

    /** Whether a call is at work; asked by one that does not show itself yet, while none begins. */
    static boolean isHeld(Path output) throws IOException {
        boolean held = false;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(output, String.format(NAME, "*"))) {
            for (Path file : files) {
                try (RunLock left =
                        RunLock.tryAcquire(output, file.getFileName().toString())) {
                    if (left == null) {
                        held = true;
                    } else {
                        Files.deleteIfExists(file);
                    }
                }
            }
        }
        return held;
    }

    @Override
    public void close() throws IOException {
        // in this order: none that looks for calls finds one that nobody holds
        try {
            Files.deleteIfExists(file);
        } finally {
            lock.close();
        }
    }
}
