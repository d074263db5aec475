package org.loft4j.cli;

import java.util.ArrayList;
import java.util.List;

/** Two texts beside each other, in columns of equal width. */
final class SideBySide {
    private static final String GAP = " │ ";

    private SideBySide() {}

    /**
     * @param width of the whole, in characters
     * @return lines with their ends
     */
    static String of(String leftHeading, String left, String rightHeading, String right, int width) {
        int column = Math.max(20, (width - GAP.length()) / 2);
        StringBuilder text = new StringBuilder();
        line(text, leftHeading, rightHeading, column);
        line(text, "─".repeat(column), "─".repeat(column), column);
        List<String> lefts = wrapped(left, column);
        List<String> rights = wrapped(right, column);
        for (int i = 0; i < Math.max(lefts.size(), rights.size()); i++) {
            line(text, i < lefts.size() ? lefts.get(i) : "", i < rights.size() ? rights.get(i) : "", column);
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String left, String right, int column) {
        int fill = Math.max(0, column - left.codePointCount(0, left.length()));
        text.append(left)
                .append(" ".repeat(fill))
                .append(GAP)
                .append(right.stripTrailing())
                .append('\n');
    }

    /** Lines of at most so many characters, broken at blanks where there are some. */
    static List<String> wrapped(String text, int column) {
        List<String> lines = new ArrayList<>();
        for (String paragraph : text.strip().split("\n", -1)) {
            String rest = paragraph.replace("\t", "    ").replace("\r", "");
            while (rest.codePointCount(0, rest.length()) > column) {
                int end = rest.offsetByCodePoints(0, column);
                int blank = rest.lastIndexOf(' ', end);
                int at = blank > 0 ? blank : end;
                lines.add(rest.substring(0, at));
                rest = rest.substring(at).stripLeading();
            }
            lines.add(rest);
        }
        return lines;
    }
}
