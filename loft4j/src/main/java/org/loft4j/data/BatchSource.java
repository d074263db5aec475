package org.loft4j.data;

import java.io.IOException;
import java.util.List;

/** The batches of a run's epochs; cheapest one after the other. One thread at a time uses it. */
public interface BatchSource extends AutoCloseable {
    /** The number of batches of an epoch. */
    long batches();

    /**
     * Makes a batch, or several: of its size where rows are made into more than one example each, and of its parts where those are
     * best apart.
     *
     * @param epoch counted from 0
     * @param batch of the epoch, counted from 0
     * @throws org.loft4j.DataException if a row cannot be read or used
     */
    List<MiniBatch> get(long epoch, long batch) throws IOException;

    @Override
    void close() throws IOException;
}
