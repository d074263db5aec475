package org.loft4j.data;

import java.io.IOException;
import java.util.List;

/**
 * What a model learns from or is judged by, ready for batches: tokens, or images. A program may bring its own, which makes each
 * {@link Batch} itself; the same indices must always give the same batch, or a run that goes on will not end where it would have.
 * Training batches are made on a thread of their own, a step ahead.
 */
public non-sealed interface Examples extends TrainingSet {
    /** The number of examples. */
    int size();

    /** The length of each example, for batches of similar length. */
    int[] lengths();

    /** Number of examples and checksum: two of the same one hold the same. */
    @Override
    String fingerprint();

    @Override
    default long rows() {
        return size();
    }

    @Override
    default BatchSource batches(int batchSize, boolean groupByLength, long seed, long padId) {
        return new ExampleBatches(this, new BatchPlan(this, batchSize, groupByLength, seed), seed, padId);
    }

    /**
     * Collects examples as they are.
     *
     * @param padId token id that fills up short rows
     * @throws org.loft4j.DataException if one is a file that cannot be decoded
     */
    MiniBatch batch(int[] indices, long padId) throws IOException;

    /** Collects examples as training sees them in an epoch: images may be changed by chance, a function of seed, epoch and image. */
    MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) throws IOException;

    /** The same as the batches that go through the model one after the other: one, unless the texts of an example are best apart. */
    default List<MiniBatch> trainingBatches(int[] indices, long padId, long seed, long epoch) throws IOException {
        return List.of(trainingBatch(indices, padId, seed, epoch));
    }
}
