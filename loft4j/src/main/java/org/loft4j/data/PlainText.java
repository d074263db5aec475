package org.loft4j.data;

/**
 * A text for language modelling.
 *
 * @param text what the model learns to continue
 * @param origin where it was read
 */
public record PlainText(String text, Origin origin) implements Row {
    /** A row that a program made itself. */
    public PlainText(String text) {
        this(text, Origin.MEMORY);
    }
}
