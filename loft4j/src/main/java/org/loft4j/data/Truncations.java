package org.loft4j.data;

/**
 * What did not fit into the greatest length.
 *
 * @param rows rows that lost tokens
 * @param completions those of them in which the completion itself was cut, so that its end is not learned
 * @param tokens tokens lost
 */
public record Truncations(long rows, long completions, long tokens) {
    /** Everything fitted. */
    static final Truncations NONE = new Truncations(0, 0, 0);
}
