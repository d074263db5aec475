package org.loft4j.data;

import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, and the name of its class, or the number that a regression learns.
 *
 * @param text what the model reads
 * @param textPair what it reads behind it, such as the hypothesis to a premise; null where there is one text
 * @param label the name, or the digits of a number
 * @param origin where it was read
 */
public record LabeledText(String text, @Nullable String textPair, String label, Origin origin) implements Row {
    /** One text. */
    public LabeledText(String text, String label, Origin origin) {
        this(text, null, label, origin);
    }

    /** A row that a program made itself. */
    public LabeledText(String text, String label) {
        this(text, label, Origin.MEMORY);
    }
}
