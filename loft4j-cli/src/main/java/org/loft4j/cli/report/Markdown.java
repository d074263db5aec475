package org.loft4j.cli.report;

import java.util.List;
import java.util.stream.Collectors;

/** Text and tables in Markdown, as GitHub reads it. */
public final class Markdown {
    private Markdown() {}

    /** A table of figures: the first and the last column to the left, the others to the right. */
    public static String table(List<String> headings, List<List<String>> rows) {
        StringBuilder text = new StringBuilder(line(headings)).append('|');
        for (int i = 0; i < headings.size(); i++) {
            text.append(i == 0 || i == headings.size() - 1 ? "---|" : "---:|");
        }
        text.append('\n');
        rows.forEach(row -> text.append(line(row)));
        return text.toString();
    }

    private static String line(List<String> cells) {
        return cells.stream().map(Markdown::escaped).collect(Collectors.joining(" | ", "| ", " |\n"));
    }

    /** Text that is shown as it is, on one line. */
    public static String escaped(String text) {
        return text.replaceAll("[\\\\`*_{}\\[\\]<>#|~&]", "\\\\$0").replaceAll("\\R", " ");
    }
}
