package org.loft4j.nn;

import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Where a batch is padded, and what follows for attention and positions. The mask is read on the host once, so that an
 * unpadded batch costs no mask at all, and a batch padded on the right none under causal attention: there no token sees
 * what comes after it. Tensors belong to the scope in which this was made.
 */
public final class Padding {
    private final @Nullable Tensor mask;
    private final TensorOptions indexOptions;
    private final long rows;
    private final long columns;
    private final long longest;
    private final long @Nullable [] positions;
    private final long @Nullable [] firstTokens;
    private final long @Nullable [] lastTokens;
    private final long @Nullable [] segments;

    private Padding(
            @Nullable Tensor mask,
            TensorOptions indexOptions,
            long rows,
            long columns,
            long longest,
            long @Nullable [] positions,
            long @Nullable [] firstTokens,
            long @Nullable [] lastTokens,
            long @Nullable [] segments) {
        this.mask = mask;
        this.indexOptions = indexOptions;
        this.rows = rows;
        this.columns = columns;
        this.longest = longest;
        this.positions = positions;
        this.firstTokens = firstTokens;
        this.lastTokens = lastTokens;
        this.segments = segments;
    }

    /** Reads the mask of the batch, whose shape has been checked. */
    public static Padding of(TokenInput input) {
        if (input.segments() != null) {
            return packed(input.inputIds(), input.segments());
        }
        return of(input.inputIds(), input.attentionMask(), input.inputIds().size(1));
    }

    /** Nothing is padded, but positions begin anew with each segment. */
    private static Padding packed(Tensor inputIds, long[] segments) {
        int columns = (int) inputIds.size(1);
        long[] positions = new long[columns];
        long[] lastTokens = new long[segments.length];
        int at = 0;
        for (int segment = 0; segment < segments.length; segment++) {
            for (int i = 0; i < segments[segment]; i++) {
                positions[at++] = i;
            }
            lastTokens[segment] = at - 1L;
        }
        long longest = Arrays.stream(segments).max().orElse(1);
        return new Padding(
                null, inputIds.options(), 1, columns, longest, positions, null, lastTokens, segments.clone());
    }

    /**
     * Reads a mask that is longer than the ids: it tells of what was read before as well.
     *
     * @param inputIds the ids of the last columns
     * @param mask int64 {@code (batch, columns)}; null when nothing is padded
     */
    public static Padding of(Tensor inputIds, @Nullable Tensor mask, long columns) {
        long rows = inputIds.size(0);
        TensorOptions indexOptions = inputIds.options();
        if (mask == null) {
            return new Padding(null, indexOptions, rows, columns, columns, null, null, null, null);
        }
        long[] values = Tensors.toLongs(mask);
        int width = (int) columns;
        long[] positions = new long[values.length];
        long[] firstTokens = new long[(int) rows];
        long[] lastTokens = new long[(int) rows];
        boolean padded = false;
        boolean beforeToken = false;
        long longest = 0;
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
                    lastTokens[start / width] = i;
                    tokens++;
                }
                positions[i] = Math.max(0, tokens - 1);
            }
            longest = Math.max(longest, tokens);
        }
        return new Padding(
                padded ? mask : null,
                indexOptions,
                rows,
                columns,
                beforeToken ? Math.max(1, longest) : columns,
                beforeToken ? positions : null,
                beforeToken ? firstTokens : null,
                padded ? lastTokens : null,
                null);
    }

    /** Greater than every position: the tokens of the longest row where positions count tokens, else the columns. */
    public long length() {
        return longest;
    }

    /**
     * Where each row's last token lies when the rows are laid end to end, int64 {@code (batch)}, or that of each segment; null
     * when it is in the last column everywhere.
     */
    public @Nullable Tensor lastTokens() {
        return lastTokens == null ? null : onDevice(Tensors.of(lastTokens, lastTokens.length));
    }

    /** Lengths of the sequences that lie end to end in the one row; null where each row is one sequence. */
    public long @Nullable [] segments() {
        return segments == null ? null : segments.clone();
    }

    /** Rows of as many columns, none of which is padded. */
    Padding unmasked(long length) {
        return new Padding(null, indexOptions, rows, length, length, null, null, null, null);
    }

    /** Length of a row with its padding. */
    long columns() {
        return columns;
    }

    /** Whether padding lies before a token, so that causal attention does not hide it. */
    boolean hidesBefore() {
        return mask != null && positions != null;
    }

    /** Whether every position holds a token. */
    public boolean none() {
        return mask == null;
    }

    /** Whether a row ends with padding. */
    public boolean endsWithPadding() {
        if (lastTokens == null) {
            return false;
        }
        for (int row = 0; row < rows; row++) {
            if (lastTokens[row] != (row + 1) * columns - 1) {
                return true;
            }
        }
        return false;
    }

    /** Whether a row begins with padding, which no query there sees beyond under causal attention. */
    public boolean startsWithPadding() {
        for (int row = 0; firstTokens != null && row < rows; row++) {
            if (firstTokens[row] != row * columns) {
                return true;
            }
        }
        return false;
    }

    /** Position of each token in its row, int64 {@code (batch, seq)}; null when it is the column everywhere. */
    public @Nullable Tensor positions() {
        return positions == null ? null : onDevice(Tensors.of(positions, rows, columns));
    }

    /** The same with −1 for padding, which tables of positions may have a row for before that of the first. */
    @Nullable
    Tensor positionsOfTokens() {
        Tensor all = positions();
        return all == null || mask == null
                ? all
                : all.add(new Scalar(1)).mul(mask.ne(new Scalar(0))).sub(new Scalar(1));
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

    /** The last columns of the mask as numbers, {@code (batch, columns, 1)}; null when nothing is padded. */
    @Nullable
    Tensor tokens(long last, Dtype dtype) {
        Tensor all = weights(dtype);
        return all == null ? null : all.narrow(1, columns - last, last).unsqueeze(-1);
    }

    /**
     * What attention over all tokens adds to its scores, {@code (batch, 1, 1, seq)}; null when nothing is padded. The
     * smallest finite number stands for minus infinity, so that a row without any token stays finite.
     */
    public @Nullable Tensor keyBias(Dtype dtype) {
        return mask == null ? null : bias(mask.eq(new Scalar(0)).view(rows, 1, 1, columns), dtype);
    }

    /**
     * Which tokens are near to another.
     *
     * @param before how many before it
     * @param behind how many behind it
     * @param chunk those alone that are in its own chunk of so many tokens, counted from a row's first one on; 0 for all
     */
    record Near(long before, long behind, long chunk) {
        /** A window that goes along with the tokens. */
        Near(long before, long behind) {
            this(before, behind, 0);
        }
    }

    /**
     * What attention to near tokens adds to the scores of some queries and keys, {@code (batch or 1, 1, queries, keys)}.
     *
     * @param query the first of them
     * @param key the first of them
     */
    Tensor nearBias(long query, long queries, long key, long keys, Near near, Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            Tensor columnsOfKeys = torch.arange(new Scalar(key), new Scalar(key + keys), indexOptions);
            Tensor distances = torch.arange(new Scalar(query), new Scalar(query + queries), indexOptions)
                    .unsqueeze(1)
                    .sub(columnsOfKeys);
            Tensor far = distances
                    .gt(new Scalar(near.before()))
                    .logical_or(distances.lt(new Scalar(-near.behind())))
                    .view(1, 1, queries, keys);
            if (near.chunk() > 0) {
                far = far.logical_or(apart(query, queries, key, keys, near.chunk()));
            }
            Tensor hidden = mask == null
                    ? far
                    : far.logical_or(mask.narrow(1, key, keys).eq(new Scalar(0)).view(rows, 1, 1, keys));
            return scope.toEnclosing(bias(hidden, dtype));
        }
    }

    /** Whether keys are in other chunks than queries, {@code (batch or 1, 1, queries, keys)}. */
    private Tensor apart(long query, long queries, long key, long keys, long chunk) {
        Tensor ofRows = positions();
        Tensor at =
                ofRows == null ? torch.arange(new Scalar(columns), indexOptions).unsqueeze(0) : ofRows;
        Tensor chunks = at.floor_divide(new Scalar(chunk));
        return chunks.narrow(1, query, queries)
                .unsqueeze(-1)
                .ne(chunks.narrow(1, key, keys).unsqueeze(-2))
                .unsqueeze(1);
    }

    /** The same where each token sees its window, which goes along with it. */
    public @Nullable Tensor causalBias(
            long queries, long window, boolean always, boolean futureBelowPadding, Dtype dtype) {
        return causalBias(queries, window, false, always, futureBelowPadding, dtype);
    }

    /**
     * What causal attention adds to its scores, {@code (batch or 1, 1, queries, columns)}; null when the kernel's own causal mask
     * gives every token what it may see, or, for a single query, when it may see everything.
     *
     * @param queries positions to compute, the last of the columns
     * @param window how many tokens each may see, itself the last of them; 0 for all before it
     * @param inChunks whether these are those of its chunk, counted from a row's first token on
     * @param always never null: for attention without such a kernel
     * @param futureBelowPadding whether a query in the padding, which may see nothing, is left with the padding before it
     *     rather than with all columns
     */
    @Nullable
    Tensor causalBias(
            long queries, long window, boolean inChunks, boolean always, boolean futureBelowPadding, Dtype dtype) {
        boolean windowed = window > 0 && columns > window;
        boolean plain = queries == 1 || queries == columns;
        if (!always && positions == null && !windowed && plain) {
            return null;
        }
        Tensor keys = torch.arange(new Scalar(columns), indexOptions);
        Tensor own = keys.narrow(0, columns - queries, queries).unsqueeze(1);
        Tensor future = keys.gt(own).view(1, 1, queries, columns);
        Tensor hidden = future;
        if (windowed) {
            hidden = future.logical_or(
                    inChunks
                            ? apart(columns - queries, queries, 0, columns, window)
                            : keys.le(own.sub(new Scalar(window))).view(1, 1, queries, columns));
        }
        if (positions == null) {
            return bias(hidden, dtype);
        }
        Tensor bias = bias(hidden.logical_or(requireMask().eq(new Scalar(0)).view(rows, 1, 1, columns)), dtype);
        return futureBelowPadding ? bias.masked_fill(hidden, new Scalar(2 * lowest(dtype))) : bias;
    }

    private static Tensor bias(Tensor hidden, Dtype dtype) {
        Tensor zeros = torch.zeros_like(hidden).to(dtype.scalarType());
        return zeros.masked_fill(hidden, new Scalar(lowest(dtype)));
    }

    /** Half the smallest finite number: the scores that are added to it cannot push it over the edge. */
    private static double lowest(Dtype dtype) {
        return switch (dtype) {
            case F16 -> -65504.0 / 2;
            case BF16 -> -0x1.FEp127 / 2;
            default -> -Float.MAX_VALUE / 2.0;
        };
    }

    private Tensor onDevice(Tensor tensor) {
        return tensor.to(indexOptions.device(), Dtype.I64.scalarType());
    }

    private Tensor requireMask() {
        return java.util.Objects.requireNonNull(mask, "a padded batch has a mask");
    }
}
