package org.loft4j.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * How long examples are, in tokens, before anything is cut.
 *
 * @param counts how many examples there are of each length that occurs
 */
record TokenLengths(SortedMap<Integer, Long> counts) {
    private static final String BARS = "▁▂▃▄▅▆▇█";
    private static final int BINS = 24;

    static TokenLengths of(List<Integer> lengths) {
        SortedMap<Integer, Long> counts = new TreeMap<>();
        lengths.forEach(length -> counts.merge(length, 1L, Long::sum));
        return new TokenLengths(counts);
    }

    boolean isEmpty() {
        return counts.isEmpty();
    }

    /** The smallest length that this share of the examples does not exceed. */
    int quantile(double share) {
        long all = counts.values().stream().mapToLong(count -> count).sum();
        long left = Math.max(1, (long) Math.ceil(share * all));
        for (Map.Entry<Integer, Long> length : counts.entrySet()) {
            left -= length.getValue();
            if (left <= 0) {
                return length.getKey();
            }
        }
        return max();
    }

    int min() {
        return counts.firstKey();
    }

    int max() {
        return counts.lastKey();
    }

    /** How many tokens one bin of the histogram spans. */
    int binWidth() {
        return (max() - min()) / BINS + 1;
    }

    /** The number of examples in each bin, from the shortest on. */
    int[] histogram() {
        int[] bins = new int[(max() - min()) / binWidth() + 1];
        counts.forEach((length, count) -> bins[(length - min()) / binWidth()] += Math.toIntExact(count));
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
