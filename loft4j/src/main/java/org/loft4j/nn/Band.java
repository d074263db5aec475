package org.loft4j.nn;

/**
 * Which tokens a query sees beside itself.
 *
 * @param before how many before it
 * @param behind how many behind it
 */
record Band(long before, long behind) {
    /** More tokens than any row has. */
    private static final long ALL = 1L << 40;

    /** All tokens. */
    static final Band WHOLE = new Band(ALL, ALL);

    /** Those before it. */
    static final Band CAUSAL = new Band(ALL, 0);

    /** A window of so many tokens, itself the last of them. */
    static Band window(long tokens) {
        return new Band(tokens - 1, 0);
    }
}
