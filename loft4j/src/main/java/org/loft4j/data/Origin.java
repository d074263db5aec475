package org.loft4j.data;

import java.nio.file.Path;
import org.loft4j.DataException;

/**
 * Where a row comes from, for messages.
 *
 * @param file the file
 * @param line the line on which the row begins, counted from 1; 0 where there is none
 */
public record Origin(Path file, long line) {
    /** The origin of rows that a program made itself. */
    public static final Origin MEMORY = new Origin(Path.of("rows in memory"), 0);

    /** The exception for a fault of this row. */
    public DataException fault(String fault) {
        return line == 0 ? new DataException(file, fault) : new DataException(file, line, fault);
    }
}
