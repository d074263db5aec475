package org.loft4j.data;

import org.jspecify.annotations.Nullable;

/** What a run learns from: examples in memory, or rows that are read as they are needed. */
public sealed interface TrainingSet permits Examples, StreamingDataset {
    /** How many there are in an epoch, of which batches are made. */
    long rows();

    /** Number and checksum: two of the same one hold the same. */
    String fingerprint();

    /** What is held of it on the Java heap while a run goes on, about, in bytes; 0 where nobody knows. */
    default long heapBytes() {
        return 0;
    }

    /** How conversations were written; null where there are none. */
    default @Nullable ChatFormat chatFormat() {
        return null;
    }

    /** Whether the rows are pairs of texts. */
    default boolean hasPairs() {
        return false;
    }

    /** Whether the rows are preferences. */
    default boolean hasPreferences() {
        return false;
    }

    /** Whether the rows are groups of texts of which one is right: {@link RankedDataset}. */
    default boolean isRanked() {
        return false;
    }

    /**
     * The batches of a run. Which rows are in which is a function of these arguments, so that a resumed run finds them again.
     *
     * @param batchSize rows of a batch
     * @param groupByLength whether rows of similar length share a batch
     * @param padId token id that fills up short rows
     */
    BatchSource batches(int batchSize, boolean groupByLength, long seed, long padId);
}
