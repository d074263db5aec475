package org.loft4j.nn;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * One batch of tokens as a model takes it.
 *
 * @param inputIds token ids, int64 {@code (batch, seq)}
 * @param attentionMask int64 {@code (batch, seq)}, 1 for a token and 0 for padding; null when nothing is padded
 * @param tokenTypeIds int64 {@code (batch, seq)}; null for zeros. A model without token types, or with one of them, leaves them aside
 * @param segments lengths of the sequences that lie end to end in a single row: each has positions of its own and sees
 *     nothing of the others; null where each row is one sequence
 */
public record TokenInput(
        Tensor inputIds,
        @Nullable Tensor attentionMask,
        @Nullable Tensor tokenTypeIds,
        long @Nullable [] segments) implements ModelInput {
    public TokenInput(Tensor inputIds, @Nullable Tensor attentionMask) {
        this(inputIds, attentionMask, null);
    }

    public TokenInput(Tensor inputIds, @Nullable Tensor attentionMask, @Nullable Tensor tokenTypeIds) {
        this(inputIds, attentionMask, tokenTypeIds, null);
    }

    /**
     * Sequences end to end, without padding.
     *
     * @param inputIds int64 {@code (1, all)}
     * @param segments length of each
     */
    public static TokenInput packed(Tensor inputIds, long... segments) {
        return new TokenInput(inputIds, null, null, segments.clone());
    }

    /**
     * With so many columns as products in half types want on the processor: padding behind each row, or further sequences behind those
     * that lie end to end.
     */
    public TokenInput filledFor(ModelDescription model) {
        long columns = inputIds.size(1);
        // sequences of their own have positions of their own, however many there are
        long missing =
                HalfRows.columns(columns, model, segments == null ? model.maxPositions() : Long.MAX_VALUE) - columns;
        if (missing == 0) {
            return this;
        }
        if (segments != null) {
            long most = model.maxPositions();
            LongStream further = LongStream.iterate(missing, left -> left > 0, left -> left - most)
                    .map(left -> Math.min(left, most));
            return packed(
                    behind(inputIds, missing),
                    LongStream.concat(Arrays.stream(segments), further).toArray());
        }
        Tensor mask = attentionMask == null ? torch.ones_like(inputIds) : attentionMask;
        return new TokenInput(
                behind(inputIds, missing),
                behind(mask, missing),
                tokenTypeIds == null ? null : behind(tokenTypeIds, missing));
    }

    private static Tensor behind(Tensor x, long zeros) {
        return torch.cat(new TensorVector(x, torch.zeros(new long[] {x.size(0), zeros}, x.options())), 1);
    }

    /** The input as tokens; refuses others. */
    public static TokenInput of(ModelInput input) {
        if (input instanceof TokenInput tokens) {
            return tokens;
        }
        throw new ShapeException("the model reads "
                + (input instanceof ImageInput
                        ? "tokens, but was given images"
                        : "texts alone, but was given texts and what is written of them"));
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
        if (segments != null) {
            checkSegments(segments, rows, columns);
        }
        requireBelow("input_ids", inputIds, vocabularySize);
    }

    private void checkSegments(long[] lengths, long rows, long columns) {
        if (attentionMask != null || tokenTypeIds != null) {
            throw new ShapeException("packed sequences have neither an attention_mask nor token_type_ids");
        }
        for (long length : lengths) {
            if (length < 1) {
                throw new ShapeException("a packed sequence must have at least one token, got " + length);
            }
        }
        if (rows != 1 || Arrays.stream(lengths).sum() != columns) {
            throw new ShapeException(
                    "packed sequences of " + Arrays.stream(lengths).sum()
                            + " tokens must make up the one row of input_ids, got shape " + Shapes.text(rows, columns));
        }
    }

    /** Refuses ids below 0 or not below the bound. */
    public static void requireBelow(String name, Tensor ids, long bound) {
        requireBelow(name, Tensors.toLongs(ids), bound);
    }

    /** The same of ids that are not yet a tensor. */
    public static void requireBelow(String name, long[] ids, long bound) {
        for (long id : ids) {
            if (id < 0 || id >= bound) {
                throw new ShapeException(name + " must lie in 0 … " + (bound - 1) + ", got " + id);
            }
        }
    }
}
