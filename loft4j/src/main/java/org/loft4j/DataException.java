package org.loft4j;

import java.io.IOException;
import java.nio.file.Path;

/** Data that cannot be used. The message names the file or the query, the line or the row (counted from 1) and the fault. */
public final class DataException extends IOException {
    private static final long serialVersionUID = 1L;

    public DataException(Path file, String fault) {
        this(file.toString(), fault);
    }

    /** @param place the file or the query, with the line or the row in it */
    public DataException(String place, String fault) {
        super(place + ": " + fault);
    }

    public DataException(Path file, long line, String fault) {
        super(file + ", line " + line + ": " + fault);
    }
}
