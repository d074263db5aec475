package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.ConfigException;
import org.loft4j.train.Method;

/**
 * What came out of a comparison: every run, and each contender and rank at its best learning rate.
 *
 * @param metric that chose the rates on the validation data and is reported on the test data
 * @param sweep seeds that every rate was tried with
 * @param standings rows of the table: full fine-tuning first, then contender by contender, rank by rank
 * @param results all runs, those at other rates too
 */
public record Summary(String metric, List<Long> sweep, List<Standing> standings, List<TrialResult> results) {
    public Summary {
        sweep = List.copyOf(sweep);
        standings = List.copyOf(standings);
        results = List.copyOf(results);
    }

    /**
     * Sums up all runs that a directory holds by now.
     *
     * @throws ConfigException if it holds no comparison
     */
    public static Summary of(Path output) throws IOException {
        SummaryRule rule = SummaryRule.read(output);
        return of(new ResultStore(output).all(), rule.metric(), rule.sweep());
    }

    static Summary of(List<TrialResult> results, String metric, List<Long> sweep) {
        Map<Trial.Entry, List<TrialResult>> byEntry = new LinkedHashMap<>();
        results.stream()
                .sorted(Comparator.comparing((TrialResult result) ->
                                result.trial().contender().method() == Method.FULL
                                        ? -1
                                        : result.trial().contender().method().ordinal())
                        .thenComparing(result -> result.trial().contender().name())
                        .thenComparing(result -> result.trial().rank()))
                .forEach(result -> byEntry.computeIfAbsent(result.trial().entry(), entry -> new ArrayList<>())
                        .add(result));
        List<TrialResult> full = byEntry.keySet().stream()
                .filter(entry -> entry.contender().equals(Contender.of(Method.FULL)))
                .findFirst()
                .map(entry -> atBest(byEntry.getOrDefault(entry, List.of()), metric, sweep))
                .orElse(List.of());
        List<Standing> standings = new ArrayList<>();
        byEntry.forEach((entry, runs) -> {
            BestRate best = BestRate.of(runs, sweep, metric);
            if (best != null) {
                standings.add(
                        Standing.of(entry, best, atBest(runs, metric, sweep), full, metric, other(results, metric)));
            }
        });
        return new Summary(metric, sweep, standings, results);
    }

    /** What is shown beside the metric: the loss; beside that the accuracy of a classifier, the perplexity of a language model. */
    String otherMetric() {
        return other(results, metric);
    }

    private static String other(List<TrialResult> results, String metric) {
        if (!metric.equals("loss")) {
            return "loss";
        }
        boolean classifier = results.stream().anyMatch(run -> run.test().containsKey("accuracy"));
        return classifier ? "accuracy" : "perplexity";
    }

    private static List<TrialResult> atBest(List<TrialResult> runs, String metric, List<Long> sweep) {
        BestRate best = BestRate.of(runs, sweep, metric);
        return best == null
                ? List.of()
                : runs.stream().filter(run -> run.trial().rate() == best.rate()).toList();
    }

    /** The runs behind a row. */
    List<TrialResult> runs(Standing standing) {
        return results.stream()
                .filter(result -> result.trial().entry().equals(standing.entry())
                        && result.trial().rate() == standing.rate())
                .toList();
    }
}
