package org.loft4j;

import java.io.IOException;
import java.nio.file.Path;

/** A weight, adapter, configuration or checkpoint file that cannot be used. The message names the file and the fault. */
public final class CheckpointException extends IOException {
    private static final long serialVersionUID = 1L;

    public CheckpointException(Path file, String fault) {
        super(file + ": " + fault);
    }

    public CheckpointException(Path file, String fault, Throwable cause) {
        super(file + ": " + fault, cause);
    }
}
