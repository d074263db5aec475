package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;

/** A language model that can read on from where it stopped. */
public interface Decoder extends Model {
    /**
     * Reads further tokens and predicts the one after them.
     *
     * @param inputIds int64 {@code (batch, seq)} without padding; one column when the cache holds something already
     * @param cache what was read before, starting empty; grows by the columns
     * @return logits of the last position, {@code (batch, vocabulary)}
     */
    Tensor nextLogits(Tensor inputIds, KeyValueCache cache);
}
