package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.train.Evaluation;

/**
 * The learning rate that the validation data chose for a contender at a rank.
 *
 * @param rate the best
 * @param edge where it lies among those that were tried
 * @param tried how many that are
 * @param uneven whether they were not all tried with the same seeds and folds of the sweep
 */
record BestRate(double rate, Edge edge, int tried, boolean uneven) {
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

    /** What rates are compared over. */
    private record Draw(long seed, int fold) {
        static Draw of(TrialResult result) {
            return new Draw(result.trial().seed(), result.trial().fold());
        }
    }

    /**
     * Chooses by the mean of the metric over the seeds of the sweep; of equal ones the one with the smaller loss, then the
     * smaller rate. Rates are compared over the seeds that all of them have been tried with; where there is none, only those that
     * have been tried with the most take part.
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
        if (byRate.isEmpty()) {
            return null;
        }
        TreeSet<Double> tried = new TreeSet<>(byRate.keySet());
        Set<Draw> common = draws(results);
        byRate.values().forEach(some -> common.retainAll(draws(some)));
        int most = byRate.values().stream().mapToInt(List::size).max().orElseThrow();
        boolean uneven = byRate.values().stream().anyMatch(some -> some.size() > common.size());
        if (common.isEmpty()) {
            byRate.values().removeIf(some -> some.size() < most);
        } else {
            byRate.values().forEach(some -> some.removeIf(result -> !common.contains(Draw.of(result))));
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
        return new BestRate(best.rate(), edge(tried, best.rate()), tried.size(), uneven);
    }

    private static Set<Draw> draws(List<TrialResult> results) {
        return results.stream().map(Draw::of).collect(Collectors.toCollection(HashSet::new));
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
