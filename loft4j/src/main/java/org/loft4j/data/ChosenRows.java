package org.loft4j.data;

import java.io.IOException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Those rows of a cursor that pass a test. */
record ChosenRows(RowCursor all, Predicate<? super Row> test) implements RowCursor {
    @Override
    public @Nullable Row next() throws IOException {
        Row row = all.next();
        while (row != null && !test.test(row)) {
            row = all.next();
        }
        return row;
    }

    @Override
    public void close() throws IOException {
        all.close();
    }
}
