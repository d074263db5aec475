package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Sample;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.train.Evaluation;

/**
 * What the runs of a real task left.
 *
 * @param results in the order in which they are shown
 * @param described what was run, by name
 */
record TaskResults(RealTask task, List<TrialResult> results, Map<String, Object> described) {
    static final List<String> HEADINGS = List.of("method", "rank", "learning rate", "seeds");

    /** The runs of one contender at one rank and one rate, over the seeds. */
    record Cell(Trial.Entry entry, double rate, List<TrialResult> runs) {
        Sample over(ToDoubleFunction<TrialResult> figure) {
            return Sample.of(runs.stream().map(figure::applyAsDouble).toList());
        }
    }

    String metric() {
        return task.metric();
    }

    /** Those that are shown: the metric, and the loss where that is another one. */
    List<String> scores() {
        return Stream.of(metric(), "loss").distinct().toList();
    }

    /** All cells, in the order of the results. */
    List<Cell> cells() {
        Map<List<Object>, List<TrialResult>> groups = new LinkedHashMap<>();
        results.forEach(result -> groups.computeIfAbsent(
                        List.of(result.trial().entry(), result.trial().rate()), key -> new ArrayList<>())
                .add(result));
        return groups.values().stream()
                .map(runs -> new Cell(
                        runs.get(0).trial().entry(), runs.get(0).trial().rate(), runs))
                .toList();
    }

    /** The cells of one contender. */
    List<Cell> of(String contender) {
        return cells().stream()
                .filter(cell -> cell.entry().contender().name().equals(contender))
                .toList();
    }

    /**
     * The cell with the best score on the validation data, of the rates that were tried; of equal ones the one with the smaller
     * loss, as {@code loft compare} chooses. Null if there is none.
     */
    @Nullable
    Cell best(String contender, int rank) {
        Comparator<Cell> byScore = Comparator.comparingDouble(
                cell -> cell.over(run -> run.validation(metric())).mean());
        Comparator<Cell> byLoss = Comparator.comparingDouble(
                cell -> -cell.over(run -> run.validation("loss")).mean());
        return of(contender).stream()
                .filter(cell -> cell.entry().rank() == rank)
                .filter(cell -> Double.isFinite(
                        cell.over(run -> run.validation(metric())).mean()))
                .max((Evaluation.largerIsBetter(metric()) ? byScore : byScore.reversed()).thenComparing(byLoss))
                .orElse(null);
    }

    /** Headings of {@link #row}. */
    List<String> headings() {
        List<String> headings = new ArrayList<>(HEADINGS);
        scores().forEach(score -> headings.add("test " + Metric.heading(score)));
        headings.add("seconds");
        return headings;
    }

    List<String> row(Cell cell) {
        int rank = cell.entry().rank();
        List<String> row = new ArrayList<>(List.of(
                cell.entry().contender().title(),
                rank == 0 ? "" : String.valueOf(rank),
                Trial.rateText(cell.rate()),
                String.valueOf(cell.runs().size())));
        scores().forEach(score -> row.add(spread(score, cell.over(run -> run.test(score)))));
        row.add(Metric.number("%.1f", cell.over(run -> run.cost().seconds()).mean()));
        return row;
    }

    /** What a reader must know to read the table. */
    List<String> notes() {
        return notes(results);
    }

    /** The same of tables that are made otherwise. */
    static List<String> notes(List<TrialResult> results) {
        List<String> notes = new ArrayList<>(List.of("Mean ± standard deviation over the seeds."));
        add(notes, results, "Could not be trained to their end: ", TrialResult::failure);
        add(notes, results, "Steps that moved nothing, for their gradient was not finite: ", TaskResults::skipped);
        return notes;
    }

    /** One note of all runs of which there is something to be told. */
    private static void add(
            List<String> notes, List<TrialResult> results, String of, Function<TrialResult, @Nullable String> told) {
        String runs = results.stream()
                .filter(run -> told.apply(run) != null)
                .map(run -> run.trial().entry().title() + ", learning rate "
                        + Trial.rateText(run.trial().rate()) + ", seed "
                        + run.trial().seed() + " (" + told.apply(run) + ")")
                .collect(Collectors.joining("; "));
        if (!runs.isEmpty()) {
            notes.add(of + runs + ".");
        }
    }

    private static @Nullable String skipped(TrialResult run) {
        Long steps = run.skippedSteps();
        return steps == null || steps == 0 ? null : steps.toString();
    }

    static String spread(String metric, Sample sample) {
        String mean = Metric.text(metric, sample.mean());
        return sample.count() < 2 || !Double.isFinite(sample.mean())
                ? mean
                : mean + " ± " + Metric.text(metric, sample.deviation());
    }

    /** Every cell for machines. */
    List<Map<String, Object>> trees() {
        List<Map<String, Object>> trees = new ArrayList<>();
        for (Cell cell : cells()) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("contender", cell.entry().contender().name());
            tree.put("title", cell.entry().contender().title());
            tree.put("method", cell.entry().contender().method().word());
            tree.put("options", cell.entry().contender().options());
            tree.put("rank", cell.entry().rank());
            tree.put("learning_rate", cell.rate());
            tree.put(
                    "seeds", cell.runs().stream().map(run -> run.trial().seed()).toList());
            tree.put("validation_" + metric(), scores(cell, run -> run.validation(metric())));
            tree.put("test_" + metric(), scores(cell, run -> run.test(metric())));
            tree.put("test_loss", scores(cell, run -> run.test("loss")));
            tree.put("seconds", scores(cell, run -> run.cost().seconds()));
            tree.put("failures", cell.runs().stream().map(TrialResult::failure).toList());
            tree.put(
                    "skipped_steps",
                    cell.runs().stream().map(TrialResult::skippedSteps).toList());
            trees.add(tree);
        }
        return trees;
    }

    /** JSON has no word for a number that is not finite. */
    private static List<@Nullable Double> scores(Cell cell, ToDoubleFunction<TrialResult> figure) {
        List<@Nullable Double> scores = new ArrayList<>();
        for (TrialResult run : cell.runs()) {
            double score = figure.applyAsDouble(run);
            scores.add(Double.isFinite(score) ? score : null);
        }
        return scores;
    }
}
