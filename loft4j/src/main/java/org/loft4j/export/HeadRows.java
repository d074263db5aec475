package org.loft4j.export;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;

/**
 * The order of the rows of heads. Transformers rotates dimension i with i + d/2, the original Llama and llama.cpp's {@code llama}
 * rotate neighbours 2i and 2i + 1; the same numbers come out where the rows of the query and key projections are reordered.
 */
final class HeadRows {
    private HeadRows() {}

    /**
     * Row {@code 2i + j} of each head is row {@code j·d/2 + i} of the input.
     *
     * @param rows {@code (heads·d, …)}: a weight, a bias or a factor B
     */
    static Tensor interleaved(Tensor rows, long heads) {
        long[] shape = Shapes.of(rows);
        if (shape[0] % (2 * heads) != 0) {
            throw new ShapeException(Shapes.text(shape) + " cannot be taken apart into " + heads + " heads of pairs");
        }
        long rest = rows.numel() / shape[0];
        return rows.reshape(heads, 2, shape[0] / heads / 2, rest)
                .transpose(1, 2)
                .reshape(shape);
    }

    /**
     * Rows of all queries, of all keys, and of all values, from those of each head together.
     *
     * @param rows {@code (heads·3·d, …)}: a weight, a bias or a factor B
     */
    static Tensor byKind(Tensor rows, long heads) {
        long[] shape = Shapes.of(rows);
        if (shape[0] % (3 * heads) != 0) {
            throw new ShapeException(
                    Shapes.text(shape) + " cannot be taken apart into queries, keys and values of " + heads + " heads");
        }
        return rows.reshape(heads, 3, rows.numel() / (3 * heads))
                .transpose(0, 1)
                .reshape(shape);
    }
}
