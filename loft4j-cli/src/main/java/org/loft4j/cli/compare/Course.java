package org.loft4j.cli.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is still to be done: first every rate with the seeds of the sweep, one seed after the other, so that early results say
 * something of everything; then each contender's best rate with the other seeds.
 */
final class Course {
    private final ComparisonSettings settings;
    private final List<Trial> due = new ArrayList<>();
    private int undecided;

    /** @param results that there are by now */
    Course(ComparisonSettings settings, ResultStore results) throws IOException {
        this.settings = settings;
        List<TrialResult> all = results.all();
        List<Long> confirming =
                settings.seeds().subList(settings.sweepSeeds(), settings.seeds().size());
        for (Trial trial : sweep(settings)) {
            if (results.find(trial) == null) {
                due.add(trial);
            }
        }
        List<Trial> swept = List.copyOf(due);
        for (long seed : confirming) {
            for (int fold : settings.foldNumbers()) {
                for (Trial.Entry entry : settings.entries()) {
                    if (swept.stream().anyMatch(trial -> trial.entry().equals(entry))) {
                        undecided++;
                        continue;
                    }
                    BestRate best = best(entry, all);
                    Trial trial =
                            best == null ? null : new Trial(entry.contender(), entry.rank(), best.rate(), seed, fold);
                    if (trial != null && results.find(trial) == null) {
                        due.add(trial);
                    }
                }
            }
        }
    }

    private @Nullable BestRate best(Trial.Entry entry, List<TrialResult> all) {
        return BestRate.of(
                all.stream()
                        .filter(result -> result.trial().entry().equals(entry))
                        .toList(),
                settings.sweep(),
                settings.metric());
    }

    /** All trials of the sweep, done or not. */
    static List<Trial> sweep(ComparisonSettings settings) {
        List<Trial> trials = new ArrayList<>();
        for (long seed : settings.sweep()) {
            // one fold after the other, whose rows are encoded when it is their turn
            for (int fold : settings.foldNumbers()) {
                for (Trial.Entry entry : settings.entries()) {
                    for (double rate :
                            settings.rates().getOrDefault(entry.contender().name(), List.of())) {
                        trials.add(new Trial(entry.contender(), entry.rank(), rate, seed, fold));
                    }
                }
            }
        }
        return trials;
    }

    /** The trials that can be taken now, in order. */
    List<Trial> due() {
        return due;
    }

    /** Number of trials that will follow when the rates of their contenders are decided. */
    int undecided() {
        return undecided;
    }
}
