package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * One batch of tokens as a model takes it.
 *
 * @param inputIds token ids, int64 {@code (batch, seq)}
 * @param attentionMask int64 {@code (batch, seq)}, 1 for a token and 0 for padding; null when nothing is padded
 * @param tokenTypeIds int64 {@code (batch, seq)}; null for zeros
 */
public record TokenInput(
        Tensor inputIds,
        @Nullable Tensor attentionMask,
        @Nullable Tensor tokenTypeIds) implements ModelInput {
    public TokenInput(Tensor inputIds, @Nullable Tensor attentionMask) {
        this(inputIds, attentionMask, null);
    }

    /** The input as tokens; refuses images. */
    public static TokenInput of(ModelInput input) {
        if (input instanceof TokenInput tokens) {
            return tokens;
        }
        throw new ShapeException("the model reads tokens, but was given images");
    }

    /**
     * Refuses a batch that native code would fail on: shapes that differ, nothing in it, or ids without an embedding.
     *
     * @throws ShapeException that says what met what
     */
    public void check(long vocabularySize) {
        Shapes.require("input_ids", inputIds, -1, -1);
        long rows = inputIds.size(0);
        long columns = inputIds.size(1);
        if (rows == 0 || columns == 0) {
            throw new ShapeException("input_ids must hold at least one token, got shape " + Shapes.text(rows, columns));
        }
        if (attentionMask != null) {
            Shapes.require("attention_mask", attentionMask, rows, columns);
        }
        if (tokenTypeIds != null) {
            Shapes.require("token_type_ids", tokenTypeIds, rows, columns);
        }
        requireBelow("input_ids", inputIds, vocabularySize);
    }

    /** Refuses ids below 0 or not below the bound. */
    public static void requireBelow(String name, Tensor ids, long bound) {
        for (long id : Tensors.toLongs(ids)) {
            if (id < 0 || id >= bound) {
                throw new ShapeException(name + " must lie in 0 … " + (bound - 1) + ", got " + id);
            }
        }
    }
}
