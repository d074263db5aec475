package org.loft4j.cli.compare;

import java.util.List;
import java.util.OptionalDouble;

/**
 * What is left of a comparison.
 *
 * @param trials that are not finished
 * @param seconds until the last of them is, at the pace of those that are finished; not a number before the first
 * @param processes that work on it, this one among them
 */
public record Remaining(int trials, double seconds, int processes) {
    /** @param held trials that other processes are at work on */
    static Remaining of(Course course, List<TrialResult> finished, int held) {
        int trials = course.due().size() + course.undecided();
        double seconds = 0;
        for (Trial trial : course.due()) {
            seconds += estimate(trial.entry(), finished);
        }
        seconds += course.undecided() * mean(finished).orElse(Double.NaN);
        return new Remaining(trials, seconds / (held + 1), held + 1);
    }

    /** Mean of the same entry; else of the same contender; else of all. */
    private static double estimate(Trial.Entry entry, List<TrialResult> finished) {
        OptionalDouble same = mean(finished.stream()
                .filter(result -> result.trial().entry().equals(entry))
                .toList());
        OptionalDouble kin = mean(finished.stream()
                .filter(result -> result.trial().contender().equals(entry.contender()))
                .toList());
        return same.isPresent() ? same.getAsDouble() : kin.orElse(mean(finished).orElse(Double.NaN));
    }

    private static OptionalDouble mean(List<TrialResult> finished) {
        return finished.stream()
                .filter(result -> result.failure() == null)
                .mapToDouble(result -> result.cost().wallSeconds())
                .average();
    }
}
