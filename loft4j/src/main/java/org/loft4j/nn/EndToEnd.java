package org.loft4j.nn;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * A batch that is padded behind its rows, without its padding: the rows end to end, which go through a decoder in less time where
 * there is much padding (docs/performance.md).
 *
 * @param input the rows end to end
 * @param at where each token lies when the padded rows are laid end to end, int64 {@code (tokens)}
 * @param rows of the padded batch
 * @param columns of the padded batch
 */
record EndToEnd(TokenInput input, Tensor at, long rows, long columns) {
    /** Tokens for 100 places of a batch, from which on padding stays: it takes no longer then. */
    private static final long FULL = 90;

    /** The same in half types, in which a row by itself is more beside products that take half as long. */
    private static final long FULL_IN_HALF_TYPES = 60;

    /** What a row by itself takes in attention, about as long as a token of so many hidden numbers. */
    private static final long ROW = 1024;

    /**
     * The batch without its padding, or null where it is better read as it is.
     *
     * @param padding of the same tokens
     */
    static @Nullable EndToEnd of(TokenInput tokens, Padding padding, ModelDescription model) {
        Tensor mask = tokens.attentionMask();
        if (mask == null
                || padding.none()
                || padding.hidesBefore()
                || model.device().kind() != DeviceSpec.Kind.CPU) {
            return null;
        }
        long rows = mask.size(0);
        long columns = mask.size(1);
        long[] values = Tensors.toLongs(mask);
        long[] at = IntStream.range(0, values.length)
                .filter(i -> values[i] != 0)
                .asLongStream()
                .toArray();
        if (!pays(at.length, rows, columns, model.hiddenSize(), model.dtype())) {
            return null;
        }
        long[] segments = new long[Math.toIntExact(rows)];
        for (long place : at) {
            segments[Math.toIntExact(place / columns)]++;
        }
        if (Arrays.stream(segments).anyMatch(length -> length == 0)) {
            return null;
        }
        Tensor places = Tensors.of(at, at.length);
        Tensor ids = tokens.inputIds().flatten().index_select(0, places);
        return new EndToEnd(TokenInput.packed(ids.unsqueeze(0), segments), places, rows, columns);
    }

    /** Whether the padding that is spared takes longer than to look at each row by itself. */
    static boolean pays(long tokens, long rows, long columns, long hiddenSize, Dtype dtype) {
        long places = rows * columns;
        long full = dtype.isHalf() ? FULL_IN_HALF_TYPES : FULL;
        return 100 * tokens < full * places && (places - tokens) * hiddenSize >= ROW * rows;
    }

    /** States {@code (1, tokens, hidden)} where they lie in the padded batch, {@code (rows, columns, hidden)}; zeros in its padding. */
    Tensor apart(Tensor states) {
        return torch.zeros(new long[] {rows * columns, states.size(2)}, states.options())
                .index_copy(0, at, states.squeeze(0))
                .unflatten(0, rows, columns);
    }
}
