package org.loft4j.data;

import java.util.List;

/**
 * A text that is cut into words, with a tag for each.
 *
 * @param words in order
 * @param tags one for each word
 * @param origin where it was read
 */
public record TaggedWords(List<String> words, List<String> tags, Origin origin) implements Row {
    public TaggedWords {
        words = List.copyOf(words);
        tags = List.copyOf(tags);
        if (words.size() != tags.size()) {
            throw new IllegalArgumentException(words.size() + " words, but " + tags.size() + " tags");
        }
    }

    /** A row that a program made itself. */
    public TaggedWords(List<String> words, List<String> tags) {
        this(words, tags, Origin.MEMORY);
    }
}
