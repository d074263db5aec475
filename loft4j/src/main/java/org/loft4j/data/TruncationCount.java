package org.loft4j.data;

/** Counts cuts. */
final class TruncationCount {
    private long rows;
    private long completions;
    private long tokens;

    void add(int lost, boolean completionCut) {
        rows += lost > 0 ? 1 : 0;
        completions += completionCut ? 1 : 0;
        tokens += lost;
    }

    void add(Truncations more) {
        rows += more.rows();
        completions += more.completions();
        tokens += more.tokens();
    }

    Truncations total() {
        return new Truncations(rows, completions, tokens);
    }
}
