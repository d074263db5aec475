package org.loft4j.data;

import java.io.IOException;
import java.util.function.Predicate;

/**
 * Rows that can be read from the beginning as often as is wanted, always the same ones in one order, and need not fit into memory:
 * files, a query ({@link DataFiles#stream}), or what a program has, such as the cursor of a database.
 */
public interface RowSource {
    /** Opens the rows from the beginning. */
    RowCursor open() throws IOException;

    /** What messages call it. */
    String name();

    /** Those of the rows that pass a test, which depends on the row alone. */
    default RowSource where(Predicate<? super Row> test) {
        return new RowSource() {
            @Override
            public RowCursor open() throws IOException {
                return new ChosenRows(RowSource.this.open(), test);
            }

            @Override
            public String name() {
                return RowSource.this.name();
            }
        };
    }
}
