package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * One batch as a model takes it.
 *
 * @param inputIds token ids, int64 {@code (batch, seq)}
 * @param attentionMask int64 {@code (batch, seq)}, 1 for a token and 0 for padding; null when nothing is padded
 * @param tokenTypeIds int64 {@code (batch, seq)}; null for zeros
 */
public record ModelInput(
        Tensor inputIds,
        @Nullable Tensor attentionMask,
        @Nullable Tensor tokenTypeIds) {
    public ModelInput(Tensor inputIds, @Nullable Tensor attentionMask) {
        this(inputIds, attentionMask, null);
    }
}
