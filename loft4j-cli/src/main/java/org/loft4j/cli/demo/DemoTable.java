package org.loft4j.cli.demo;

import java.util.List;
import java.util.Locale;

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
                number("%.0e", run.learningRate()).replace("e-0", "e-"),
                number("%.1f", run.seconds()),
                number("%,d MB", run.peakBytes() / 1_000_000));
    }

    /** Columns as wide as their widest entry; the first to the left, the others to the right. */
    static String text(List<DemoRun> runs) {
        int[] widths = new int[HEADINGS.size()];
        List<List<String>> rows = java.util.stream.Stream.concat(
                        java.util.stream.Stream.of(HEADINGS), runs.stream().map(DemoTable::row))
                .toList();
        for (List<String> row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String blanks = " ".repeat(widths[i] - row.get(i).length());
                line.append("  ").append(i == 0 ? row.get(i) + blanks : blanks + row.get(i));
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    /** How far an accuracy may be off by the choice of the test sentences: {@code √(p(1 − p) / n)}. */
    static String uncertainty(DemoRun run) {
        double accuracy = score(run, "accuracy");
        double points = 100 * Math.sqrt(accuracy * (1 - accuracy) / run.test().count());
        return number("One standard error of an accuracy is %.1f points here;", points)
                + " another --seed moves it by about as much.";
    }

    private static double score(DemoRun run, String name) {
        return run.test().scores().getOrDefault(name, Double.NaN);
    }

    private static String number(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }
}
