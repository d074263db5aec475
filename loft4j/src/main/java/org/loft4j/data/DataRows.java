package org.loft4j.data;

import java.util.List;

/**
 * Rows, and what they were recognised as.
 *
 * @param rows in the order of the data
 * @param format which columns make a row; {@link RowFormat#AUTO} where none could be read
 * @param columns these columns in words
 * @param classes the names of the classes in the order that the data give them; empty where they give none
 * @param blank how many texts said nothing and were left out
 */
public record DataRows(List<Row> rows, RowFormat format, String columns, List<String> classes, long blank) {
    public DataRows {
        rows = List.copyOf(rows);
        classes = List.copyOf(classes);
    }
}
