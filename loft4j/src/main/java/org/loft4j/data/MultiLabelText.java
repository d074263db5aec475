package org.loft4j.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, and the names of the labels that it has.
 *
 * @param text what the model reads
 * @param textPair what it reads behind it; null where there is one text
 * @param labels the names, in any order; empty for a text that has none of the labels
 * @param origin where it was read
 */
public record MultiLabelText(String text, @Nullable String textPair, List<String> labels, Origin origin)
        implements Row {
    public MultiLabelText {
        labels = List.copyOf(labels);
    }

    /** A row that a program made itself. */
    public MultiLabelText(String text, List<String> labels) {
        this(text, null, labels, Origin.MEMORY);
    }
}
