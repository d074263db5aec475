package org.loft4j.tensor;

/** Waiting that an interrupt does not end: the thread is interrupted again when it is over. */
public final class Uninterrupted {
    private Uninterrupted() {}

    /** What is waited for. */
    @FunctionalInterface
    public interface Wait<T, E extends Exception> {
        T result() throws InterruptedException, E;
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
