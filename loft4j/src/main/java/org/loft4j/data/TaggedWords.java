package org.loft4j.data;

import java.util.List;

/**
 * A text that is cut into words, with a tag for each.
 *
 * @param words in order
 * @param tags one for each word; none where rows are asked alone
 * @param origin where it was read
 */
public record TaggedWords(List<String> words, List<String> tags, Origin origin) implements Row {
    public TaggedWords {
        words = List.copyOf(words);
        tags = List.copyOf(tags);
        if (!tags.isEmpty() && words.size() != tags.size()) {
            throw new IllegalArgumentException(words.size() + " words, but " + tags.size() + " tags");
        }
    }

    /** The words as one text, with blanks between. */
    public String text() {
        return String.join(" ", words);
    }

    /** A row that a program made itself. */
    public TaggedWords(List<String> words, List<String> tags) {
        this(words, tags, Origin.MEMORY);
    }
}
