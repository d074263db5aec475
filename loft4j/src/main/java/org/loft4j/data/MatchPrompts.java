package org.loft4j.data;

/**
 * What stands before texts that belong together, as they will be searched: a model that was made with such words finds less without
 * them.
 *
 * @param query before an anchor, such as {@code "query: "}; empty for nothing
 * @param document before all that is compared with it, such as {@code "passage: "}; empty for nothing
 */
public record MatchPrompts(String query, String document) {
    /** Nothing stands before them. */
    public static final MatchPrompts NONE = new MatchPrompts("", "");

    /** What goes through the model: without blanks around it, as in sentence-transformers. */
    String prompted(String text, int role) {
        return (role == MatchDataset.ANCHOR ? query : document).concat(text).strip();
    }

    /** Whether the same stands before all texts, so that one text has one vector. */
    public boolean areAlike() {
        return query.equals(document);
    }

    boolean isNone() {
        return query.isBlank() && document.isBlank();
    }
}
