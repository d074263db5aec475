package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * Where a batch is padded, and what follows for attention and positions. The mask is read on the host once, so that an
 * unpadded batch costs no mask at all, and a batch padded on the right none under causal attention: there no token sees
 * what comes after it. Tensors belong to the scope in which this was made.
 */
public final class Padding {
    private final @Nullable Tensor mask;
    private final long rows;
    private final long columns;
    private final long @Nullable [] positions;
    private final long @Nullable [] firstTokens;

    private Padding(
            @Nullable Tensor mask,
            long rows,
            long columns,
            long @Nullable [] positions,
            long @Nullable [] firstTokens) {
        this.mask = mask;
        this.rows = rows;
        this.columns = columns;
        this.positions = positions;
        this.firstTokens = firstTokens;
    }

    /** Reads the mask of the batch, whose shape has been checked. */
    public static Padding of(TokenInput input) {
        long rows = input.inputIds().size(0);
        long columns = input.inputIds().size(1);
        Tensor mask = input.attentionMask();
        if (mask == null) {
            return new Padding(null, rows, columns, null, null);
        }
        long[] values = Tensors.toLongs(mask);
        int width = (int) columns;
        long[] positions = new long[values.length];
        long[] firstTokens = new long[(int) rows];
        boolean padded = false;
        boolean beforeToken = false;
        for (int start = 0; start < values.length; start += width) {
            long tokens = 0;
            boolean gap = false;
            firstTokens[start / width] = start;
            for (int i = start; i < start + width; i++) {
                if (values[i] == 0) {
                    padded = true;
                    gap = true;
                } else {
                    beforeToken |= gap;
                    if (tokens == 0) {
                        firstTokens[start / width] = i;
                    }
                    tokens++;
                }
                positions[i] = Math.max(0, tokens - 1);
            }
        }
        return new Padding(
                padded ? mask : null, rows, columns, beforeToken ? positions : null, beforeToken ? firstTokens : null);
    }

    /** Whether every position holds a token. */
    public boolean none() {
        return mask == null;
    }

    /** Position of each token in its row, int64 {@code (batch, seq)}; null when it is the column everywhere. */
    public @Nullable Tensor positions() {
        return positions == null ? null : onDevice(Tensors.of(positions, rows, columns));
    }

    /**
     * Where each row's first token lies when the rows are laid end to end, int64 {@code (batch)}; null when it is in column
     * 0 everywhere.
     */
    public @Nullable Tensor firstTokens() {
        return firstTokens == null ? null : onDevice(Tensors.of(firstTokens, rows));
    }

    /** The mask as numbers, {@code (batch, seq)}; null when nothing is padded. */
    public @Nullable Tensor weights(Dtype dtype) {
        return mask == null ? null : mask.to(dtype.scalarType());
    }

    /**
     * What attention over all tokens adds to its scores, {@code (batch, 1, 1, seq)}; null when nothing is padded. The
     * smallest finite number stands for minus infinity, so that a row without any token stays finite.
     */
    public @Nullable Tensor keyBias(Dtype dtype) {
        return mask == null ? null : bias(mask.eq(new Scalar(0)).view(rows, 1, 1, columns), dtype);
    }

    /**
     * What causal attention adds to its scores, {@code (batch, 1, seq, seq)}; null when plain causal attention gives every
     * token what it may see.
     */
    public @Nullable Tensor causalBias(Dtype dtype) {
        if (positions == null) {
            return null;
        }
        Tensor hidden = requireMask().eq(new Scalar(0)).view(rows, 1, 1, columns);
        Tensor future =
                torch.ones(new long[] {columns, columns}, hidden.options()).triu(1);
        return bias(hidden.logical_or(future), dtype);
    }

    private static Tensor bias(Tensor hidden, Dtype dtype) {
        Tensor zeros = torch.zeros_like(hidden).to(dtype.scalarType());
        return zeros.masked_fill(hidden, new Scalar(lowest(dtype)));
    }

    /** Half the smallest finite number: the scores that are added to it cannot push it over the edge. */
    private static double lowest(Dtype dtype) {
        return dtype == Dtype.F16 ? -65504.0 / 2 : -Float.MAX_VALUE / 2.0;
    }

    private Tensor onDevice(Tensor tensor) {
        return tensor.to(requireMask().device(), Dtype.I64.scalarType());
    }

    private Tensor requireMask() {
        return java.util.Objects.requireNonNull(mask, "a padded batch has a mask");
    }
}
