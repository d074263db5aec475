package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.loft4j.cli.report.Markdown;
import org.loft4j.cli.report.Table;
import org.loft4j.train.Evaluation;

/** The figures of a summary as words and numbers. */
public final class SummaryTable {
    /** What of a machine changes how fast a run is, and its last digits. */
    private static final List<String> MACHINE = List.of("cpu", "threads", "libtorch", "blas_kernels");

    private SummaryTable() {}

    static List<String> headings(Summary summary) {
        return List.of(
                "method",
                "rank",
                summary.judged() + " " + Metric.heading(summary.metric()),
                summary.judged() + " " + Metric.heading(summary.otherMetric()),
                summary.folds() > 0 ? "folds × seeds" : "seeds",
                "learning rate",
                "seconds",
                "tokens/s",
                "memory",
                "trained",
                "to " + summary.baseline().title() + (hasInterval(summary) ? ", 95 % CI" : ""),
                "note");
    }

    static List<String> row(Standing standing, Summary summary) {
        String metric = summary.metric();
        int rank = standing.entry().rank();
        return List.of(
                standing.entry().contender().title(),
                rank == 0 ? "" : String.valueOf(rank),
                spread(metric, standing.test(), summary),
                spread(summary.otherMetric(), standing.other(), summary),
                (summary.folds() > 0 ? standing.folds().size() + " × " : "")
                        + standing.seeds().size(),
                Trial.rateText(standing.rate()) + mark(standing, summary),
                seconds(standing.seconds()),
                Metric.number("%,.0f", standing.tokensPerSecond()),
                count("%,d MB", standing.peakBytes() / 1_000_000),
                count("%,d", standing.trained()),
                difference(metric, standing),
                note(metric, standing));
    }

    private static String spread(String metric, Sample sample, Summary summary) {
        String mean = Metric.text(metric, sample.mean());
        return sample.count() < 2 || !Double.isFinite(sample.mean()) || Metric.isError(metric)
                ? mean
                : mean + " ± " + Metric.text(metric, summary.folds() > 0 ? sample.error() : sample.deviation());
    }

    private static String seconds(Sample sample) {
        return Metric.number("%.1f", sample.mean())
                + (sample.count() < 2 ? "" : " ± " + Metric.number("%.1f", sample.deviation()));
    }

    /** Nobody knows what a run took that failed. */
    private static String count(String format, long count) {
        return count == 0 ? "–" : String.format(Locale.ROOT, format, count);
    }

    private static String mark(Standing standing, Summary summary) {
        return switch (standing.edge()) {
            case LOWEST -> " ↓";
            case HIGHEST -> " ↑";
            case INSIDE -> "";
            case ALONE -> summary.someAreTuned() ? " †" : "";
        };
    }

    private static String difference(String metric, Standing standing) {
        Sample difference = standing.toBaseline();
        if (difference == null) {
            return "";
        }
        double scale = Metric.isShare(metric) ? 100 : 1;
        String format = Metric.isShare(metric) ? "%+.2f" : "%+.4f";
        String mean = Metric.number(format, scale * difference.mean());
        double half = difference.halfWidth();
        String interval = Double.isFinite(half)
                ? " [" + Metric.number(format, scale * (difference.mean() - half)) + ", "
                        + Metric.number(format, scale * (difference.mean() + half)) + "]"
                : "";
        return mean + interval + (lacksPairs(standing) ? " (of " + difference.count() + ")" : "");
    }

    private static String note(String metric, Standing standing) {
        List<String> notes = new ArrayList<>();
        int runs = standing.runs();
        if (standing.collapsed() > 0) {
            notes.add("majority class" + (runs > 1 ? " (" + standing.collapsed() + " of " + runs + ")" : ""));
        }
        if (standing.failed() > 0) {
            notes.add("failed" + (runs > 1 ? " (" + standing.failed() + " of " + runs + ")" : ""));
        }
        if (standing.undefined() > 0) {
            notes.add(
                    "no " + Metric.title(metric) + (runs > 1 ? " (" + standing.undefined() + " of " + runs + ")" : ""));
        }
        if (standing.skipped() > 0) {
            notes.add(standing.skipped() + (standing.skipped() == 1 ? " step" : " steps") + " skipped");
        }
        return String.join(", ", notes);
    }

    /** Table and footnotes for a terminal. */
    public static String text(Summary summary) {
        List<String> headings = headings(summary);
        Table table = new Table(IntStream.range(0, headings.size())
                .mapToObj(i -> (i == 0 || i == headings.size() - 1 ? "" : ">") + headings.get(i))
                .toArray(String[]::new));
        summary.standings().forEach(standing -> table.row(row(standing, summary).toArray(String[]::new)));
        StringBuilder text = new StringBuilder(table.toString());
        footnotes(summary).forEach(line -> text.append("  ").append(line).append('\n'));
        return text.toString();
    }

    /** The same in Markdown, to be put into a page of one's own. */
    static String markdown(Summary summary) {
        StringBuilder text = new StringBuilder(Markdown.table(
                headings(summary),
                summary.standings().stream()
                        .map(standing -> row(standing, summary))
                        .toList()));
        text.append('\n');
        footnotes(summary)
                .forEach(
                        line -> text.append("- ").append(Markdown.escaped(line)).append('\n'));
        return text.toString();
    }

    /** What a reader must know to read the table. */
    static List<String> footnotes(Summary summary) {
        List<String> notes = new ArrayList<>();
        // all runs of a directory have the same data, of which older ones tell less
        Map<String, Object> settings = new HashMap<>();
        summary.results().forEach(result -> settings.putAll(result.settings()));
        SameRows rows = SameRows.of(settings);
        notes.add((summary.folds() > 0
                        ? FoldNotes.means(summary, rows)
                        : "Mean ± standard deviation over the seeds, after the last step. ")
                + (summary.someAreTuned()
                        ? "Learning rates were chosen by the " + (summary.folds() > 0 ? "held-out " : "validation ")
                                + Metric.title(summary.metric()) + " over the seeds " + summary.sweep()
                        : "Each learning rate is the only one that was tried")
                + (rows.testIsNew() ? "; the test data chose nothing." : "."));
        notes.addAll(FoldNotes.all(summary, rows));
        if (Metric.isError(summary.otherMetric())) {
            notes.add(summary.judged() + " " + summary.otherMetric() + ": how far the mean "
                    + Metric.title(summary.metric())
                    + " of a run may be off for want of test prompts (standard error; the mean over the seeds).");
        }
        rows.told().forEach(line -> notes.add(Character.toUpperCase(line.charAt(0)) + line.substring(1) + "."));
        if (has(summary, BestRate.Edge.HIGHEST)) {
            notes.add("↑ the best learning rate is the highest that was tried: a higher one may be better still.");
        }
        if (has(summary, BestRate.Edge.LOWEST)) {
            notes.add("↓ the best learning rate is the lowest that was tried: a lower one may be better still.");
        }
        notes.addAll(unequalSearches(summary));
        notes.addAll(onlyWarmedUp(summary));
        if (summary.standings().stream().anyMatch(standing -> standing.collapsed() > 0)) {
            notes.add("majority class: the model takes every " + summary.judged()
                    + " row for the same class, where they are of several.");
        }
        notes.addAll(pairing(summary));
        if (summary.standings().stream().anyMatch(standing -> standing.undefined() > 0)) {
            notes.add("no " + Metric.title(summary.metric())
                    + ": it is no number for what the model says of the " + summary.judged()
                    + " rows, as a correlation where all answers are the same.");
        }
        if (summary.standings().stream().anyMatch(standing -> standing.skipped() > 0)) {
            notes.add("skipped: steps of all runs of the row that moved nothing, for their gradient was not finite.");
        }
        long shared = summary.results().stream()
                .filter(result -> result.processes() > 1)
                .count();
        if (shared > 0) {
            notes.add("Other processes were at work on the comparison during " + shared + " of "
                    + summary.results().size()
                    + " runs: seconds and tokens/s are those of a shared machine, if it was one.");
        }
        long resumed = summary.results().stream()
                .filter(result -> result.cost().resumedFrom() > 0)
                .count();
        if (resumed > 0) {
            notes.add(resumed + " of " + summary.results().size()
                    + (resumed == 1 ? " runs was" : " runs were")
                    + " interrupted and went on: what seconds and tokens/s say of them is the pace behind that, taken for all"
                    + " steps; runs.csv says which (resumed_from).");
        }
        List<String> machines = MACHINE.stream()
                .map(name -> Map.entry(
                        name,
                        summary.results().stream()
                                .map(result -> String.valueOf(result.machine().get(name)))
                                .distinct()
                                .toList()))
                .filter(named -> named.getValue().size() > 1)
                .map(named -> named.getKey() + " " + String.join("; ", named.getValue()))
                .toList();
        List<String> versions = differing(summary, "commit");
        if (!versions.isEmpty()) {
            notes.add("Runs were made by versions of loft4j that differ (commit " + String.join("; ", versions)
                    + "): what was changed between them may be among the differences.");
        }
        if (!machines.isEmpty()) {
            notes.add("Runs were made on machines that differ (" + String.join(", ", machines)
                    + "): seconds and tokens/s do not compare, and sums are rounded otherwise.");
        }
        long earlier = summary.results().stream()
                .filter(result -> result.processes() == 0)
                .count();
        if (earlier > 0 && earlier < summary.results().size()) {
            notes.add(earlier + " of " + summary.results().size()
                    + " runs are of an earlier version, which measured memory"
                    + " without the pages of files, and seconds with the first step.");
        }
        long failures = summary.results().stream()
                .filter(result -> result.failure() != null)
                .count();
        if (failures > 0) {
            notes.add(failures + " of " + summary.results().size()
                    + " runs could not be trained to their end; runs.csv says why.");
        }
        return notes;
    }

    /** What runs say of their machine, where they say different things. */
    private static List<String> differing(Summary summary, String name) {
        List<String> told = summary.results().stream()
                .map(result -> result.machine().get(name))
                .filter(Objects::nonNull)
                .map(String::valueOf)
                .distinct()
                .toList();
        return told.size() > 1 ? told : List.of();
    }

    /** Where some had more rates to choose from than others. */
    private static List<String> unequalSearches(Summary summary) {
        List<String> notes = new ArrayList<>();
        if (summary.someAreTuned() && summary.standings().stream().anyMatch(standing -> standing.ratesTried() == 1)) {
            notes.add("† the only rate tried: not tuned, where others are.");
        }
        IntSummaryStatistics tried = summary.standings().stream()
                .mapToInt(Standing::ratesTried)
                .filter(rates -> rates > 1)
                .summaryStatistics();
        if (tried.getMin() < tried.getMax()) {
            notes.add("Some rows chose among more learning rates than others, from " + tried.getMin() + " to "
                    + tried.getMax() + "; summary.csv says how many.");
        }
        String uneven = summary.standings().stream()
                .filter(Standing::unevenly)
                .map(standing -> standing.entry().title())
                .collect(Collectors.joining("; "));
        if (!uneven.isEmpty()) {
            notes.add(uneven
                    + ": not all rates have been tried with the same seeds; they were compared over those that all have,"
                    + " or, where there is none, the ones with the most.");
        }
        return notes;
    }

    /** RefLoRA does not exist while B is zero: a run that is no longer than its warm-up is another method's. */
    private static List<String> onlyWarmedUp(Summary summary) {
        String rows = summary.standings().stream()
                .filter(standing -> summary.runs(standing).stream().anyMatch(TrialResult::isWarmUpAlone))
                .map(standing -> standing.entry().title())
                .collect(Collectors.joining("; "));
        return rows.isEmpty()
                ? List.of()
                : List.of(rows + ": LoRA throughout, since the runs are no longer than RefLoRA's warm-up"
                        + " (--reflora-warmup).");
    }

    private static List<String> pairing(Summary summary) {
        Baseline baseline = summary.baseline();
        if (baseline.problem() != null) {
            return List.of(baseline.problem());
        }
        Contender contender = baseline.contender();
        if (contender == null || summary.standings().stream().allMatch(standing -> standing.toBaseline() == null)) {
            return List.of();
        }
        return List.of("To " + contender.title() + (contender.method().usesAdapter() ? " at the same rank" : "")
                + ": mean difference of runs with the same seed" + (summary.folds() > 0 ? " and fold" : "")
                + (hasInterval(summary)
                        ? ", and its 95 % confidence interval by Student's t" + FoldNotes.correction(summary) + "."
                        : hasEqualDifferences(summary) ? "." : "; with one of them there is no confidence interval.")
                + (hasEqualDifferences(summary)
                        ? " A row whose differences are all equal has no interval: they do not say how far others would lie from them."
                        : "")
                + (summary.folds() > 0
                        ? ""
                        : " The same test rows judge all of them: what other rows would say, it does not cover.")
                + (Evaluation.largerIsBetter(summary.metric()) ? "" : " A negative difference is better.")
                + (summary.standings().stream().anyMatch(SummaryTable::lacksPairs)
                        ? " (of n): only so many of the row's " + (summary.folds() > 0 ? "runs" : "seeds")
                                + " have a run to be paired with."
                        : ""));
    }

    private static boolean lacksPairs(Standing standing) {
        Sample difference = standing.toBaseline();
        return difference != null && difference.count() < standing.runs();
    }

    private static boolean hasInterval(Summary summary) {
        return anyDifference(summary, difference -> Double.isFinite(difference.halfWidth()));
    }

    /** Whether a row has several differences that are all the same. */
    private static boolean hasEqualDifferences(Summary summary) {
        return anyDifference(summary, Sample::isEqual);
    }

    private static boolean anyDifference(Summary summary, Predicate<Sample> is) {
        return summary.standings().stream()
                .map(Standing::toBaseline)
                .anyMatch(difference -> difference != null && is.test(difference));
    }

    private static boolean has(Summary summary, BestRate.Edge edge) {
        return summary.standings().stream().anyMatch(standing -> standing.edge() == edge);
    }
}
