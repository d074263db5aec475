package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** A language model that can read on from where it stopped. */
public interface Decoder extends Model {
    /**
     * Reads further tokens and predicts the one after them.
     *
     * @param inputIds int64 {@code (batch, seq)}, of which the last column holds tokens only
     * @param attentionMask int64 {@code (batch, all)} over what the cache holds and the new columns, 0 for padding, which must
     *     come before the tokens of its row; null when nothing is padded
     * @param cache what was read before, starting empty; grows by the columns
     * @return logits of the last position, {@code (batch, vocabulary)}
     */
    Tensor nextLogits(Tensor inputIds, @Nullable Tensor attentionMask, KeyValueCache cache);

    /** What makes logits of the product of the head. */
    LogitScale logitScale();

    /**
     * Whether what was read of a sequence still holds when it has become longer. Where it does not, because the rotation of all
     * positions depends on the length, the whole has to be read again with an empty cache.
     *
     * @param read tokens of the longest row that were read
     * @param length tokens that it has now
     */
    boolean outlives(long read, long length);
}
