package org.loft4j.tensor;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;

/** Work that an interrupt does not end: the thread is interrupted again when it is over. */
public final class Uninterrupted {
    private Uninterrupted() {}

    /** What is waited for. */
    @FunctionalInterface
    public interface Wait<T, E extends Exception> {
        T result() throws InterruptedException, E;
    }

    /** Work on a file of its own opening. */
    @FunctionalInterface
    public interface FileWork<T> {
        T result() throws IOException;
    }

    /** Does it anew after each interrupt, which closes a {@link java.nio.channels.FileChannel} that the thread is at, until there is a result or a fault. */
    public static <T> T withFile(FileWork<T> work) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return work.result();
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits anew after each interrupt, until there is a result or a fault. */
    public static <T, E extends Exception> T await(Wait<T, E> wait) throws E {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return wait.result();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
