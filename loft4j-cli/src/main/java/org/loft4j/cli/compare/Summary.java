package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.train.Method;

/**
 * What came out of a comparison: every run, and each contender and rank at its best learning rate.
 *
 * @param metric that chose the rates on the validation data and is reported on the test data
 * @param sweep seeds that every rate was tried with
 * @param baseline what the rows are set against
 * @param standings rows of the table: full fine-tuning first, then contender by contender, rank by rank
 * @param results all runs, those at other rates too
 */
public record Summary(
        String metric, List<Long> sweep, Baseline baseline, List<Standing> standings, List<TrialResult> results) {
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
        return of(output, null, null);
    }

    /**
     * The same in another view; the directory keeps its own for later calls.
     *
     * @param metric null for the one that the directory names
     * @param baseline null for the one that the directory names
     * @throws ConfigException if it holds no comparison, or none with such a score or such a baseline
     */
    public static Summary of(Path output, @Nullable String metric, @Nullable String baseline) throws IOException {
        SummaryRule rule = SummaryRule.read(output);
        List<TrialResult> results = new ResultStore(output).all();
        Set<String> scores = new TreeSet<>();
        results.forEach(result -> scores.addAll(result.test().keySet()));
        if (metric != null && !scores.isEmpty() && !scores.contains(metric)) {
            throw new ConfigException(
                    "metric must be one of " + String.join(", ", scores) + " for these runs, got " + metric);
        }
        Set<Contender> there =
                results.stream().map(result -> result.trial().contender()).collect(Collectors.toSet());
        return of(
                results,
                metric == null ? rule.metric() : metric,
                rule.sweep(),
                baseline == null ? Baseline.kept(there, rule.baseline()) : Baseline.of(there, baseline));
    }

    /** Whether no run could be trained to its end. */
    public boolean isOfFailuresAlone() {
        return standings.stream().allMatch(standing -> standing.failed() == standing.runs());
    }

    static Summary of(List<TrialResult> results, String metric, List<Long> sweep, Baseline against) {
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
        List<Standing> standings = new ArrayList<>();
        byEntry.forEach((entry, runs) -> {
            BestRate best = BestRate.of(runs, sweep, metric);
            if (best != null) {
                Trial.Entry other = against.of(entry);
                List<TrialResult> paired =
                        other == null ? List.of() : atBest(byEntry.getOrDefault(other, List.of()), metric, sweep);
                standings.add(
                        Standing.of(entry, best, atBest(runs, metric, sweep), paired, metric, other(results, metric)));
            }
        });
        return new Summary(metric, sweep, against, standings, results);
    }

    /** What is shown beside the metric: of a reward its standard error over the prompts; else the loss; beside that the accuracy of a classifier, Pearson's correlation of a regression, how early sentence embeddings find what belongs to them, the perplexity of a language model. */
    String otherMetric() {
        return other(results, metric);
    }

    private static String other(List<TrialResult> results, String metric) {
        // the loss of rewards is their mean with a minus
        if (results.stream().anyMatch(run -> run.test().containsKey("reward"))) {
            return metric.equals("reward") ? "reward_stderr" : "reward";
        }
        // of a regression they are one number
        if (!metric.equals("loss") && !metric.equals("mse")) {
            return "loss";
        }
        return List.of("accuracy", "pearson", "mrr_at_10").stream()
                .filter(name -> results.stream().anyMatch(run -> run.test().containsKey(name)))
                .findFirst()
                .orElse("perplexity");
    }

    private static List<TrialResult> atBest(List<TrialResult> runs, String metric, List<Long> sweep) {
        BestRate best = BestRate.of(runs, sweep, metric);
        return best == null
                ? List.of()
                : runs.stream().filter(run -> run.trial().rate() == best.rate()).toList();
    }

    /** Into how many folds the rows were parted; 0 for none. */
    int folds() {
        return results.stream().mapToInt(TrialResult::folds).max().orElse(0);
    }

    /** What the figures are of: {@code test}, or {@code held-out} of folds that no other rows come beside. */
    String judged() {
        return results.stream().anyMatch(run -> SameRows.of(run.settings()).testIsFold()) ? "held-out" : "test";
    }

    /** Whether a learning rate was chosen among several. */
    boolean someAreTuned() {
        return standings.stream().anyMatch(standing -> standing.ratesTried() > 1);
    }

    /** The runs behind a row. */
    List<TrialResult> runs(Standing standing) {
        return results.stream()
                .filter(result -> result.trial().entry().equals(standing.entry())
                        && result.trial().rate() == standing.rate())
                .toList();
    }
}
