package org.loft4j;

/** Tensors whose shapes do not fit together. The message says what met what. */
public final class ShapeException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    public ShapeException(String message) {
        super(message);
    }
}
