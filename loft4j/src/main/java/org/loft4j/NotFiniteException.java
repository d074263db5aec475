package org.loft4j;

/** What a model has computed is no number: its type is too small for it, or its weights are none. The message says which type. */
public final class NotFiniteException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NotFiniteException(String message) {
        super(message);
    }
}
