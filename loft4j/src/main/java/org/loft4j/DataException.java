package org.loft4j;

import java.io.IOException;
import java.nio.file.Path;

/** A data file that cannot be used. The message names the file, the line (counted from 1) and the fault. */
public final class DataException extends IOException {
    private static final long serialVersionUID = 1L;

    public DataException(Path file, String fault) {
        super(file + ": " + fault);
    }

    public DataException(Path file, long line, String fault) {
        super(file + ", line " + line + ": " + fault);
    }

    public DataException(Path file, long line, String fault, Throwable cause) {
        super(file + ", line " + line + ": " + fault, cause);
    }
}
