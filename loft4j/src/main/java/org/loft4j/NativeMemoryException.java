package org.loft4j;

/**
 * There was not enough memory outside the JVM's heap, on the host or on the device. The message says what holds how much, which
 * settings need less, and what a run can go on from.
 */
public final class NativeMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NativeMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
