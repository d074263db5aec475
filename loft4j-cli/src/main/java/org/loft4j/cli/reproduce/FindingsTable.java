package org.loft4j.cli.reproduce;

import java.util.List;
import org.loft4j.cli.report.HtmlPage;
import org.loft4j.cli.report.Table;

/**
 * A table of what was found.
 *
 * @param title over the table
 * @param headings of the columns; the first column is set to the left, the others to the right
 * @param rows each with one cell a column
 */
record FindingsTable(String title, List<String> headings, List<List<String>> rows) {
    FindingsTable {
        headings = List.copyOf(headings);
        rows = rows.stream().map(List::copyOf).toList();
        for (List<String> row : rows) {
            if (row.size() != headings.size()) {
                throw new IllegalArgumentException(
                        title + ": " + row.size() + " cells in a table of " + headings.size() + " columns");
            }
        }
    }

    String text() {
        String[] aligned = headings.toArray(String[]::new);
        for (int i = 1; i < aligned.length; i++) {
            aligned[i] = ">" + aligned[i];
        }
        Table table = new Table(aligned);
        rows.forEach(row -> table.row(row.toArray(String[]::new)));
        return title + "\n" + table;
    }

    void addTo(HtmlPage page) {
        page.heading(title).table(headings, rows);
    }
}
