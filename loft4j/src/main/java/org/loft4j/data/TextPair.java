package org.loft4j.data;

/**
 * Two texts that are judged together, such as a question and an answer, without a label.
 *
 * @param text what the model reads first
 * @param textPair what it reads behind it
 * @param origin where they were read
 */
public record TextPair(String text, String textPair, Origin origin) implements Row {
    /** A pair that a program made itself. */
    public TextPair(String text, String textPair) {
        this(text, textPair, Origin.MEMORY);
    }
}
