package org.loft4j.data;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Goes over the rows of a {@link RowSource} once. One thread at a time uses it, not always the same. */
public interface RowCursor extends AutoCloseable {
    /**
     * The next row; null behind the last.
     *
     * @throws org.loft4j.DataException if it cannot be used: where it is, and what is wrong
     */
    @Nullable
    Row next() throws IOException;

    /** Goes past so many rows, or to the end if there are fewer. A source that can do so without making them overrides this. */
    default void skip(long rows) throws IOException {
        for (long i = 0; i < rows && next() != null; i++) {
            // the row is not wanted
        }
    }

    @Override
    void close() throws IOException;
}
