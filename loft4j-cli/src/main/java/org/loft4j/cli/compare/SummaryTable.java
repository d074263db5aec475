package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.loft4j.cli.report.Table;

/** The figures of a summary as words and numbers. */
public final class SummaryTable {
    private SummaryTable() {}

    static List<String> headings(Summary summary) {
        return List.of(
                "method",
                "rank",
                "test " + Metric.heading(summary.metric()),
                "test " + Metric.heading(summary.otherMetric()),
                "seeds",
                "learning rate",
                "seconds",
                "tokens/s",
                "memory",
                "trained",
                "to full fine-tuning, 95 % CI",
                "note");
    }

    static List<String> row(Standing standing, Summary summary) {
        String metric = summary.metric();
        int rank = standing.entry().rank();
        return List.of(
                standing.entry().contender().title(),
                rank == 0 ? "" : String.valueOf(rank),
                spread(metric, standing.test()),
                spread(summary.otherMetric(), standing.other()),
                String.valueOf(standing.seeds().size()),
                Trial.rateText(standing.rate()) + mark(standing.edge()),
                Metric.number("%.1f", standing.seconds()),
                Metric.number("%,.0f", standing.tokensPerSecond()),
                String.format(Locale.ROOT, "%,d MB", standing.peakBytes() / 1_000_000),
                String.format(Locale.ROOT, "%,d", standing.trained()),
                difference(metric, standing),
                note(standing));
    }

    private static String spread(String metric, Sample sample) {
        String mean = Metric.text(metric, sample.mean());
        return sample.count() < 2 ? mean : mean + " ± " + Metric.text(metric, sample.deviation());
    }

    private static String mark(BestRate.Edge edge) {
        return switch (edge) {
            case LOWEST -> " ↓";
            case HIGHEST -> " ↑";
            case INSIDE, ALONE -> "";
        };
    }

    private static String difference(String metric, Standing standing) {
        Sample toFull = standing.toFull();
        if (toFull == null) {
            return "";
        }
        double scale = Metric.isShare(metric) ? 100 : 1;
        String format = Metric.isShare(metric) ? "%+.2f" : "%+.4f";
        String mean = Metric.number(format, scale * toFull.mean());
        double half = toFull.halfWidth();
        return Double.isFinite(half)
                ? mean + " [" + Metric.number(format, scale * (toFull.mean() - half)) + ", "
                        + Metric.number(format, scale * (toFull.mean() + half)) + "]"
                : mean;
    }

    private static String note(Standing standing) {
        List<String> notes = new ArrayList<>();
        int runs = standing.seeds().size();
        if (standing.collapsed() > 0) {
            notes.add("majority class" + (runs > 1 ? " (" + standing.collapsed() + " of " + runs + ")" : ""));
        }
        if (standing.failed() > 0) {
            notes.add("failed" + (runs > 1 ? " (" + standing.failed() + " of " + runs + ")" : ""));
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

    /** What a reader must know to read the table. */
    static List<String> footnotes(Summary summary) {
        List<String> notes = new ArrayList<>();
        // all runs of a directory have the same data
        SameRows rows = SameRows.of(
                summary.results().isEmpty()
                        ? Map.of()
                        : summary.results().get(0).settings());
        notes.add(
                "Mean ± standard deviation over the seeds, after the last step. Learning rates were chosen by the validation "
                        + Metric.title(summary.metric()) + " over the seeds " + summary.sweep()
                        + (rows.testIsNew() ? "; the test data chose nothing." : "."));
        rows.told().forEach(line -> notes.add(Character.toUpperCase(line.charAt(0)) + line.substring(1) + "."));
        if (has(summary, BestRate.Edge.HIGHEST)) {
            notes.add("↑ the best learning rate is the highest that was tried: a higher one may be better still.");
        }
        if (has(summary, BestRate.Edge.LOWEST)) {
            notes.add("↓ the best learning rate is the lowest that was tried: a lower one may be better still.");
        }
        if (summary.standings().stream().anyMatch(standing -> standing.collapsed() > 0)) {
            notes.add("majority class: the model takes every test row for the same class.");
        }
        if (summary.standings().stream().anyMatch(standing -> standing.toFull() != null)) {
            notes.add(
                    "To full fine-tuning: mean difference of runs with the same seed, and its 95 % confidence interval by"
                            + " Student's t.");
        }
        if (summary.standings().stream().anyMatch(standing -> standing.skipped() > 0)) {
            notes.add("skipped: steps of all runs of the row that moved nothing, for their gradient was not finite.");
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

    private static boolean has(Summary summary, BestRate.Edge edge) {
        return summary.standings().stream().anyMatch(standing -> standing.edge() == edge);
    }
}
