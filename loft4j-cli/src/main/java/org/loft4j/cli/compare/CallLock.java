package org.loft4j.cli.compare;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
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
        while (true) {
            String name = String.format(NAME, UUID.randomUUID());
            RunLock lock = RunLock.tryAcquire(output, name);
            if (lock != null) {
                return new CallLock(output.resolve(name), lock);
            }
            // one that counts the calls is just looking at that file
        }
    }

    /** How many calls beside this one are at work. */
    int others() throws IOException {
        return count(output(), file);
    }

    /** How many calls are at work on an output directory. */
    static int count(Path output) throws IOException {
        return count(output, null);
    }

    private Path output() {
        return Objects.requireNonNull(file.getParent());
    }

    private static int count(Path output, @Nullable Path but) throws IOException {
        int held = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(output, String.format(NAME, "*"))) {
            for (Path found : files) {
                if (!found.equals(but)) {
                    try (RunLock left =
                            RunLock.tryAcquire(output, found.getFileName().toString())) {
                        held += left == null ? 1 : 0;
                    }
                }
            }
        }
        return held;
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
