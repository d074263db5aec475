package org.loft4j.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How long examples are, in tokens, before anything is cut.
 *
 * @param sorted one length for each example, ascending
 */
record TokenLengths(int[] sorted) {
    private static final String BARS = "▁▂▃▄▅▆▇█";
    private static final int BINS = 24;

    static TokenLengths of(List<Integer> lengths) {
        return new TokenLengths(
                lengths.stream().mapToInt(length -> length).sorted().toArray());
    }

    boolean isEmpty() {
        return sorted.length == 0;
    }

    /** The smallest length that this share of the examples does not exceed. */
    int quantile(double share) {
        return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
    }

    int min() {
        return sorted[0];
    }

    int max() {
        return sorted[sorted.length - 1];
    }

    /** How many tokens one bin of the histogram spans. */
    int binWidth() {
        return (max() - min()) / BINS + 1;
    }

    /** The number of examples in each bin, from the shortest on. */
    int[] histogram() {
        int[] bins = new int[(max() - min()) / binWidth() + 1];
        Arrays.stream(sorted).forEach(length -> bins[(length - min()) / binWidth()]++);
        return bins;
    }

    /** {@code 5 ▁▃█ ▁ 212}: the bins as bars; an empty one is a blank. */
    String line() {
        int[] bins = histogram();
        int most = Arrays.stream(bins).max().orElse(1);
        StringBuilder line = new StringBuilder().append(min()).append(' ');
        for (int bin : bins) {
            line.append(bin == 0 ? ' ' : BARS.charAt((int) ((long) bin * (BARS.length() - 1) / most)));
        }
        return line.append(' ').append(max()).toString();
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("min", min());
        tree.put("median", quantile(0.5));
        tree.put("p95", quantile(0.95));
        tree.put("max", max());
        tree.put("bin_width", binWidth());
        tree.put("histogram", histogram());
        return tree;
    }
}
