package org.loft4j.data;

/**
 * A text and the name of its class.
 *
 * @param text what the model reads
 * @param label the name, or the digits of a number
 * @param origin where it was read
 */
public record LabeledText(String text, String label, Origin origin) implements Row {
    /** A row that a program made itself. */
    public LabeledText(String text, String label) {
        this(text, label, Origin.MEMORY);
    }
}
