package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** How near the numbers that a regression tells are to those that were expected; correlations as SciPy computes them. */
public final class RegressionScore {
    /** The names of the scores that are no numbers where all that is expected is one number. */
    static final Set<String> CORRELATIONS = Set.of("pearson", "spearmanr");

    private final List<double[]> expectedParts = new ArrayList<>();
    private final List<double[]> toldParts = new ArrayList<>();

    /** Takes in some examples: what was expected of each, and what was told. */
    void add(double[] expected, double[] told) {
        expectedParts.add(expected);
        toldParts.add(told);
    }

    private static double[] joined(List<double[]> parts) {
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    /** The number of examples. */
    public long count() {
        return expectedParts.stream().mapToLong(part -> part.length).sum();
    }

    /** Mean squared error: {@code 1/n Σ (told − expected)²}; NaN without examples. */
    public double mse() {
        double[] expected = joined(expectedParts);
        double[] told = joined(toldParts);
        double sum = 0;
        for (int i = 0; i < expected.length; i++) {
            sum += (told[i] - expected[i]) * (told[i] - expected[i]);
        }
        return sum / expected.length;
    }

    /**
     * Pearson's correlation of the numbers: {@code Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)}; NaN where all that was told, or all
     * that was expected, is one number.
     */
    public double pearson() {
        return pearson(joined(expectedParts), joined(toldParts));
    }

    /** Spearman's: Pearson's of the ranks, where equal numbers share the mean of theirs. */
    public double spearman() {
        // a number that is none has no rank
        return Double.isNaN(pearson()) ? Double.NaN : pearson(ranks(joined(expectedParts)), ranks(joined(toldParts)));
    }

    private static double pearson(double[] x, double[] y) {
        double meanX = Arrays.stream(x).average().orElse(Double.NaN);
        double meanY = Arrays.stream(y).average().orElse(Double.NaN);
        double xx = 0;
        double yy = 0;
        double xy = 0;
        for (int i = 0; i < x.length; i++) {
            xx += (x[i] - meanX) * (x[i] - meanX);
            yy += (y[i] - meanY) * (y[i] - meanY);
            xy += (x[i] - meanX) * (y[i] - meanY);
        }
        if (isOneNumber(x) || isOneNumber(y)) {
            // the mean of equal numbers may be off by a rounding, and what is left of the sums would be noise
            return Double.NaN;
        }
        return Math.max(-1, Math.min(1, xy / (Math.sqrt(xx) * Math.sqrt(yy))));
    }

    private static boolean isOneNumber(double[] values) {
        return Arrays.stream(values).distinct().count() < 2;
    }

    private static double[] ranks(double[] values) {
        int[] order = IntStream.range(0, values.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> values[i]))
                .mapToInt(i -> i)
                .toArray();
        double[] ranks = new double[values.length];
        for (int from = 0; from < order.length; ) {
            int to = from + 1;
            while (to < order.length && values[order[to]] == values[order[from]]) {
                to++;
            }
            for (int i = from; i < to; i++) {
                ranks[order[i]] = (from + 1 + to) / 2.0;
            }
            from = to;
        }
        return ranks;
    }
}
