package org.loft4j.train;

import org.loft4j.data.BatchSource;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;

/**
 * Rows that tell when they are asked for.
 *
 * @param onBatches before the batches of a training are set up
 * @param onBatch before a batch is collected
 */
record OverheardExamples(Dataset dataset, Runnable onBatches, Runnable onBatch) implements Examples {
    @Override
    public int size() {
        return dataset.size();
    }

    @Override
    public int[] lengths() {
        return dataset.lengths();
    }

    @Override
    public String fingerprint() {
        return dataset.fingerprint();
    }

    @Override
    public BatchSource batches(int batchSize, boolean groupByLength, long seed, long padId) {
        onBatches.run();
        return dataset.batches(batchSize, groupByLength, seed, padId);
    }

    @Override
    public MiniBatch batch(int[] indices, long padId) {
        onBatch.run();
        return dataset.batch(indices, padId);
    }

    @Override
    public MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
