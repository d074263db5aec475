package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.train.Evaluation;

/**
 * The learning rate that the validation data chose for a contender at a rank.
 *
 * @param rate the best
 * @param score mean over the seeds of the sweep
 * @param edge where it lies among those that were tried
 * @param tried how many that are
 */
record BestRate(double rate, double score, Edge edge, int tried) {
    /** Where the best rate lies. */
    enum Edge {
        /** Others on both sides were tried. */
        INSIDE,
        /** No smaller one was tried. */
        LOWEST,
        /** No larger one was tried. */
        HIGHEST,
        /** No other one was tried. */
        ALONE
    }

    private record Candidate(double rate, double score, double loss) {}

    /**
     * Chooses by the mean of the metric over the seeds of the sweep; of equal ones the one with the smaller loss, then the
     * smaller rate. Of rates that have not all been tried with as many of those seeds, only those with the most take part.
     *
     * @param results of one contender at one rank
     * @param sweep seeds that choose
     * @return null if there is no result that could choose
     */
    static @Nullable BestRate of(List<TrialResult> results, List<Long> sweep, String metric) {
        boolean any = results.stream()
                .anyMatch(result -> sweep.contains(result.trial().seed()));
        TreeMap<Double, List<TrialResult>> byRate = new TreeMap<>();
        for (TrialResult result : results) {
            if (!any || sweep.contains(result.trial().seed())) {
                byRate.computeIfAbsent(result.trial().rate(), rate -> new ArrayList<>())
                        .add(result);
            }
        }
        TreeSet<Double> tried = new TreeSet<>(byRate.keySet());
        int most = byRate.values().stream().mapToInt(List::size).max().orElse(0);
        byRate.values().removeIf(some -> some.size() < most);
        if (byRate.isEmpty()) {
            return null;
        }
        boolean larger = Evaluation.largerIsBetter(metric);
        Candidate best = byRate.entrySet().stream()
                .map(entry -> new Candidate(
                        entry.getKey(), mean(entry.getValue(), metric, larger), mean(entry.getValue(), "loss", false)))
                // means of scores that are equal differ in their last bits
                .min(Comparator.comparingDouble((Candidate one) -> (float) (larger ? -one.score() : one.score()))
                        .thenComparingDouble(one -> (float) one.loss())
                        .thenComparingDouble(Candidate::rate))
                .orElseThrow();
        return new BestRate(best.rate(), best.score(), edge(tried, best.rate()), tried.size());
    }

    /** A run that failed is worse than any that did not. */
    private static double mean(List<TrialResult> results, String metric, boolean larger) {
        double mean = results.stream()
                .mapToDouble(result -> result.validation(metric))
                .average()
                .orElse(Double.NaN);
        double worst = larger ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        return Double.isNaN(mean) ? worst : mean;
    }

    /** @param tried those with fewer seeds too, which do not choose */
    private static Edge edge(TreeSet<Double> tried, double rate) {
        if (tried.size() == 1) {
            return Edge.ALONE;
        }
        return rate == tried.first() ? Edge.LOWEST : rate == tried.last() ? Edge.HIGHEST : Edge.INSIDE;
    }
}
