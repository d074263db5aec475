package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * A contender at a rank, at the learning rate that the validation data chose: a row of the table.
 *
 * @param entry the contender and its rank
 * @param rate the learning rate
 * @param edge where it lies among those that were tried
 * @param ratesTried how many that are
 * @param unevenly whether these were not all tried with the same seeds, {@link BestRate#uneven}
 * @param seeds of the runs behind the figures, in order
 * @param folds of the runs, in order; none where there are none
 * @param validation score of the validation data
 * @param test score of the test data
 * @param other score of the test data that is shown beside it, {@link Summary#otherMetric}
 * @param seconds of the optimizer steps alone, of the runs that tell it
 * @param tokensPerSecond mean of the same
 * @param peakBytes largest of the runs
 * @param trained number of parameters
 * @param toBaseline difference of the test score to the {@link Baseline}'s with the same seeds and folds; null where nothing can be paired
 * @param collapsed how many of the runs take every test row for the same class, where these are of several
 * @param failed how many of the runs could not be trained to their end
 * @param undefined how many of the others have no score of the test data: a correlation of equal numbers, say
 * @param skipped steps of the others that a gradient that is not finite made void, as far as they are known
 */
public record Standing(
        Trial.Entry entry,
        double rate,
        BestRate.Edge edge,
        int ratesTried,
        boolean unevenly,
        List<Long> seeds,
        List<Integer> folds,
        Sample validation,
        Sample test,
        Sample other,
        Sample seconds,
        double tokensPerSecond,
        long peakBytes,
        long trained,
        @Nullable Sample toBaseline,
        int collapsed,
        int failed,
        int undefined,
        long skipped) {
    /**
     * @param best the chosen rate
     * @param runs of the entry at that rate
     * @param baseline runs that these are set against, at their own best rate; empty where there are none
     */
    static Standing of(
            Trial.Entry entry,
            BestRate best,
            List<TrialResult> runs,
            List<TrialResult> baseline,
            String metric,
            String other) {
        List<TrialResult> ordered = runs.stream()
                .sorted(Comparator.comparingLong(
                                (TrialResult run) -> run.trial().seed())
                        .thenComparingInt(run -> run.trial().fold()))
                .toList();
        return new Standing(
                entry,
                best.rate(),
                best.edge(),
                best.tried(),
                best.uneven(),
                ordered.stream().map(run -> run.trial().seed()).distinct().toList(),
                ordered.stream()
                        .map(run -> run.trial().fold())
                        .filter(fold -> fold > 0)
                        .distinct()
                        .sorted()
                        .toList(),
                Sample.of(ordered.stream().map(run -> run.validation(metric)).toList()),
                Sample.of(ordered.stream().map(run -> run.test(metric)).toList()),
                Sample.of(ordered.stream().map(run -> run.test(other)).toList()),
                told(ordered, TrialResult.Cost::seconds),
                told(ordered, TrialResult.Cost::tokensPerSecond).mean(),
                ordered.stream().mapToLong(run -> run.cost().peakBytes()).max().orElse(0),
                ordered.stream().mapToLong(run -> run.cost().trained()).max().orElse(0),
                paired(ordered, baseline, metric),
                (int) ordered.stream().filter(TrialResult::predictsOneClass).count(),
                (int) ordered.stream().filter(run -> run.failure() != null).count(),
                (int) ordered.stream()
                        .filter(run -> run.failure() == null && !Double.isFinite(run.test(metric)))
                        .count(),
                ordered.stream()
                        .map(TrialResult::skippedSteps)
                        .filter(Objects::nonNull)
                        .mapToLong(Long::longValue)
                        .sum());
    }

    /** How many runs the figures are of. */
    int runs() {
        return test.count();
    }

    /** Of the runs that tell it: an older one that was stopped behind its last step and went on tells no seconds. */
    private static Sample told(List<TrialResult> runs, ToDoubleFunction<TrialResult.Cost> figure) {
        return Sample.of(runs.stream()
                .filter(run -> run.failure() == null)
                .map(run -> figure.applyAsDouble(run.cost()))
                .filter(Double::isFinite)
                .toList());
    }

    /** Differences of runs with the same seed and fold, whose data came in the same order. */
    private static @Nullable Sample paired(List<TrialResult> runs, List<TrialResult> baseline, String metric) {
        Map<List<Long>, TrialResult> byPair = new LinkedHashMap<>();
        baseline.forEach(run -> byPair.put(pair(run), run));
        List<Double> differences = new ArrayList<>();
        for (TrialResult run : runs) {
            TrialResult other = byPair.get(pair(run));
            double difference = other == null ? Double.NaN : run.test(metric) - other.test(metric);
            // one of them may have failed
            if (Double.isFinite(difference)) {
                differences.add(difference);
            }
        }
        if (differences.isEmpty()) {
            return null;
        }
        // of runs that are judged by the same test data no correction is known: the table says that their interval is
        // too small
        int folds =
                SameRows.of(runs.get(0).settings()).testIsFold() ? runs.get(0).folds() : 0;
        return Sample.of(differences).withOverlap(folds > 1 ? 1.0 / (folds - 1) : 0);
    }

    private static List<Long> pair(TrialResult run) {
        return List.of(run.trial().seed(), (long) run.trial().fold());
    }
}
