package org.loft4j.data.jinja;

/** A template that cannot be read or rendered, or that raised an exception of its own. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int line;

    TemplateException(String message) {
        this(message, 0);
    }

    TemplateException(String message, int line) {
        super(message);
        this.line = line;
    }

    TemplateException(String message, int line, Throwable cause) {
        super(message, cause);
        this.line = line;
    }

    /** The line of the template, counted from 1. */
    public int line() {
        return line;
    }
}
