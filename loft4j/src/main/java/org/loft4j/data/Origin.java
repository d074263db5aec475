package org.loft4j.data;

import java.nio.file.Path;
import org.loft4j.DataException;

/**
 * Where a row comes from, for messages.
 *
 * @param source the file, or the query
 * @param number the line on which the row begins, or the row of a table; counted from 1, and 0 where there is none
 * @param unit what is counted
 */
public record Origin(String source, long number, Unit unit) {
    /** Texts have lines; Parquet and the results of queries have rows alone. */
    public enum Unit {
        LINE,
        ROW
    }

    /** The origin of rows that a program made itself. */
    public static final Origin MEMORY = new Origin(Path.of("rows in memory"), 0);

    /** A line of a file; 0 for the whole. */
    public Origin(Path file, long line) {
        this(file.toString(), line, Unit.LINE);
    }

    /** The line, counted from 1; 0 where there is none. */
    public long line() {
        return unit == Unit.LINE ? number : 0;
    }

    /** The file or the query as a whole. */
    public Origin whole() {
        return new Origin(source, 0, unit);
    }

    /** The line or the row in words, such as {@code line 3}; empty where there is none. */
    public String place() {
        return number == 0 ? "" : (unit == Unit.LINE ? "line " : "row ") + number;
    }

    /** The exception for a fault of this row. */
    public DataException fault(String fault) {
        return new DataException(number == 0 ? source : source + ", " + place(), fault);
    }
}
