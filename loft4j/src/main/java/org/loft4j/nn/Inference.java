package org.loft4j.nn;

import org.bytedeco.pytorch.AutoGradMode;

/**
 * While one is open, the calling thread computes answers: without gradients, and with products as they are fastest for that.
 *
 * <p>A training and its evaluations open none, but for the answers that a model gives in them to prompts. What they compute twice, as a
 * layer whose activations are not kept, they compute once without gradients and once with them, and both times the digits must be
 * the same.
 */
public final class Inference implements AutoCloseable {
    private static final ThreadLocal<Boolean> OPEN = ThreadLocal.withInitial(() -> false);

    private final AutoGradMode noGradients = new AutoGradMode(false);
    private final boolean before = OPEN.get();

    private Inference() {
        OPEN.set(true);
    }

    /** Opens one in the calling thread, which closes it too. */
    public static Inference open() {
        return new Inference();
    }

    /** Whether the calling thread has one open. */
    static boolean isOpen() {
        return OPEN.get();
    }

    @Override
    public void close() {
        if (before) {
            OPEN.set(true);
        } else {
            OPEN.remove();
        }
        noGradients.close();
    }
}
