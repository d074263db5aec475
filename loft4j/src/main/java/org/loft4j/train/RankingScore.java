package org.loft4j.train;

/**
 * How well a model ranks the right one of a group of texts before the others, by the number that it gives each. What has the same number
 * as the right one comes before it.
 */
public final class RankingScore {
    private long groups;
    private long first;
    private double reciprocals;
    private double margins;

    /**
     * Takes in some groups.
     *
     * @param right 1 for the right one of each, its first, and 0 for the others
     * @param told the model's numbers
     */
    void add(double[] right, double[] told) {
        for (int start = 0; start < told.length; ) {
            double best = Double.NEGATIVE_INFINITY;
            int place = 1;
            int end = start + 1;
            for (; end < told.length && right[end] == 0; end++) {
                best = Math.max(best, told[end]);
                // so that a number that is none does not come first
                place += told[start] > told[end] ? 0 : 1;
            }
            groups++;
            first += place == 1 ? 1 : 0;
            reciprocals += 1.0 / place;
            margins += told[start] - best;
            start = end;
        }
    }

    /** The number of groups. */
    public long count() {
        return groups;
    }

    /** Share of the groups whose right text comes first. */
    public double accuracy() {
        return (double) first / groups;
    }

    /** Mean reciprocal rank: 1 / the place of the right text, mean over the groups. */
    public double mrr() {
        return reciprocals / groups;
    }

    /** By how much the right text is above the best of the others, mean over the groups. */
    public double margin() {
        return margins / groups;
    }
}
