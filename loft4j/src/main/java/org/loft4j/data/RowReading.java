package org.loft4j.data;

import org.loft4j.DataException;

/** Reads the rows of one file or query, one after the other, into a {@link RowCollector}. */
interface RowReading extends AutoCloseable {
    /** Reads on by one row, which the collector gets, or its fault; false behind the last. */
    boolean advance() throws DataException;

    /** Goes on by one row without making it, of data that was read without fault before; false behind the last. */
    boolean pass() throws DataException;

    @Override
    void close() throws DataException;
}
