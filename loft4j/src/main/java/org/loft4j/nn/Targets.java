package org.loft4j.nn;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * What a language model is to predict in a batch.
 *
 * @param hidden states of the positions with a target, {@code (count, hidden)}
 * @param labels the targets, int64 {@code (count)}
 * @param rows the row of the batch that each is in
 */
record Targets(Tensor hidden, Tensor labels, int[] rows) {
    static Targets of(Tensor states, Tensor labels) {
        Shapes.require("labels", labels, states.size(0), states.size(1));
        long[] values = Tensors.toLongs(labels);
        int columns = Math.toIntExact(labels.size(1));
        int[] at = IntStream.range(0, values.length)
                .filter(i -> i % columns != 0 && values[i] != Losses.IGNORED)
                .toArray();
        long[] before = Arrays.stream(at).mapToLong(i -> i - 1).toArray();
        long[] chosen = Arrays.stream(at).mapToLong(i -> values[i]).toArray();
        int[] rows = Arrays.stream(at).map(i -> i / columns).toArray();
        return new Targets(states.flatten(0, 1).index_select(0, like(labels, before)), like(labels, chosen), rows);
    }

    /** How many there are in each row of labels. */
    static int[] counts(Tensor labels) {
        long[] values = Tensors.toLongs(labels);
        int columns = Math.toIntExact(labels.size(1));
        int[] counts = new int[Math.toIntExact(labels.size(0))];
        for (int i = 0; i < values.length; i++) {
            counts[i / columns] += i % columns != 0 && values[i] != Losses.IGNORED ? 1 : 0;
        }
        return counts;
    }

    private static Tensor like(Tensor labels, long[] values) {
        return Tensors.of(values, values.length).to(labels.device(), labels.scalar_type());
    }

    long count() {
        return labels.size(0);
    }

    Targets some(long start, long most) {
        long count = Math.min(most, count() - start);
        int[] own = Arrays.copyOfRange(rows, Math.toIntExact(start), Math.toIntExact(start + count));
        return new Targets(hidden.narrow(0, start, count), labels.narrow(0, start, count), own);
    }

    Targets asLeaf(boolean learns) {
        Tensor leaf = hidden.detach();
        leaf.set_requires_grad(learns);
        return new Targets(leaf, labels, rows);
    }
}
