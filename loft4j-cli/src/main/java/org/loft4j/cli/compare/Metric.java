package org.loft4j.cli.compare;

import java.util.Locale;
import java.util.Set;

/** How the scores of an evaluation are read and written. */
public final class Metric {
    private static final Set<String> SHARES = Set.of(
            "accuracy",
            "token_accuracy",
            "accuracy_at_1",
            "recall_at_10",
            "precision",
            "recall",
            "f1",
            "macro_f1",
            "micro_f1");

    private Metric() {}

    /** Whether it is a share that people give in percent. */
    public static boolean isShare(String metric) {
        return SHARES.contains(metric);
    }

    /** Whether it is the standard error of another one. */
    static boolean isError(String metric) {
        return metric.endsWith("_stderr");
    }

    /** As a heading: {@code accuracy %}. */
    public static String heading(String metric) {
        return title(metric) + (isShare(metric) ? " %" : "");
    }

    public static String title(String metric) {
        return metric.equals("macro_f1") || metric.equals("micro_f1") ? metric.substring(0, 5) + "-F1" : metric;
    }

    /** A score as a table shows it: in percent with two digits, or with four. */
    public static String text(String metric, double value) {
        return number(isShare(metric) ? "%.2f" : "%.4f", isShare(metric) ? 100 * value : value);
    }

    public static String number(String format, double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, format, value) : "–";
    }
}
