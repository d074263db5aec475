package org.loft4j.cli.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.report.Table;

/** The figures of the runs, as words and numbers for a table. */
final class DemoTable {
    static final List<String> HEADINGS =
            List.of("method", "accuracy", "macro-F1", "loss", "trained", "learning rate", "seconds", "memory");

    private DemoTable() {}

    static List<String> row(DemoRun run) {
        return List.of(
                run.title(),
                number("%.4f", score(run, "accuracy")),
                number("%.4f", score(run, "macro_f1")),
                number("%.4f", run.test().loss()),
                number("%,d", run.trained()),
                Trial.rateText(run.learningRate()),
                number("%.1f", run.seconds()),
                number("%,d MB", run.peakBytes() / 1_000_000));
    }

    static String text(List<DemoRun> runs) {
        Table table = new Table(IntStream.range(0, HEADINGS.size())
                .mapToObj(i -> (i == 0 ? "" : ">") + HEADINGS.get(i))
                .toArray(String[]::new));
        runs.forEach(run -> table.row(row(run).toArray(String[]::new)));
        return table.toString();
    }

    /** How far an accuracy may be off by the choice of the test sentences: {@code √(p(1 − p) / n)}. */
    static String uncertainty(DemoRun run) {
        double accuracy = score(run, "accuracy");
        double points = 100 * Math.sqrt(accuracy * (1 - accuracy) / run.test().count());
        return number("One standard error of an accuracy is %.1f points here;", points)
                + " another --seed moves it by about as much.";
    }

    /** What a reader must know of the runs that did not go well. */
    static List<String> notes(List<DemoRun> runs) {
        List<String> notes = new ArrayList<>();
        for (DemoRun run : runs) {
            if (run.failure() != null) {
                notes.add(run.title() + " was given up, and is judged as it stood then: " + run.failure()
                        + ". A lower --learning-rate may be what it takes.");
            } else if (run.skipped() > 0) {
                notes.add(
                        run.title() + ": " + run.skipped()
                                + (run.skipped() == 1 ? " step" : " steps")
                                + " moved nothing, for the gradient was not finite. A lower --learning-rate may be what it takes.");
            }
        }
        return notes;
    }

    private static double score(DemoRun run, String name) {
        return run.test().scores().getOrDefault(name, Double.NaN);
    }

    private static String number(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }
}
