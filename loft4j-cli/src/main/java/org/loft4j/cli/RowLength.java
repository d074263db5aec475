package org.loft4j.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/** Length in tokens to which rows and texts are cut. */
final class RowLength {
    /** Where nothing else is said. */
    static final int USUAL = 512;

    private RowLength() {}

    /**
     * What was asked for, and no more than the model was made for, which is told.
     *
     * @param asked by {@code --max-length}; null where it was not given
     * @param otherwise where it was not
     * @param most that the model was made for
     */
    static int of(@Nullable Integer asked, int otherwise, long most, PrintWriter err) {
        if (asked != null && asked > most) {
            err.println("loft: --max-length " + asked + " is lowered to " + most
                    + ", the longest that the model was made for");
        }
        return (int) Math.min(most, asked == null ? otherwise : asked);
    }
}
