package org.loft4j.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * The examples of a language model, whole, several to a row of at most so many tokens: the longest first, each to the fullest
 * row that has room for it (best fit decreasing). The examples of a row see nothing of each other, so the loss is that of the
 * same examples in rows of their own, and nothing is spent on padding.
 */
public final class PackedDataset implements Examples {
    private final Dataset dataset;
    private final int[][] rows;
    private final int rowLength;

    /**
     * @param rowLength most tokens of a row
     * @throws ConfigException if the examples are a classifier's or a regression's, or one is longer than a row
     */
    public PackedDataset(Dataset dataset, int rowLength) {
        Checks.atLeast("max_length", rowLength, 2);
        if (dataset.isClassification() || dataset.isRegression() || dataset.isMultiLabel() || dataset.isTagged()) {
            throw new ConfigException("packing is for language models, but the data is for a "
                    + (dataset.isRegression() ? "regression" : "classifier"));
        }
        this.dataset = dataset;
        this.rowLength = rowLength;
        this.rows = pack(dataset, rowLength);
    }

    private static int[][] pack(Dataset dataset, int rowLength) {
        int[] order = IntStream.range(0, dataset.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> -dataset.length(i)))
                .mapToInt(i -> i)
                .toArray();
        List<List<Integer>> rows = new ArrayList<>();
        TreeMap<Integer, Deque<List<Integer>>> byRoom = new TreeMap<>();
        for (int index : order) {
            int length = dataset.length(index);
            if (length > rowLength) {
                throw new ConfigException("an example of " + length + " tokens is longer than a row of " + rowLength
                        + ": raise max_length");
            }
            Map.Entry<Integer, Deque<List<Integer>>> fullest = byRoom.ceilingEntry(length);
            List<Integer> row;
            int room = rowLength;
            if (fullest == null) {
                row = new ArrayList<>();
                rows.add(row);
            } else {
                room = fullest.getKey();
                row = fullest.getValue().removeFirst();
                if (fullest.getValue().isEmpty()) {
                    byRoom.remove(room);
                }
            }
            row.add(index);
            byRoom.computeIfAbsent(room - length, key -> new ArrayDeque<>()).addLast(row);
        }
        return rows.stream().map(row -> row.stream().mapToInt(i -> i).toArray()).toArray(int[][]::new);
    }

    /** The examples, each by itself. */
    public Dataset examples() {
        return dataset;
    }

    @Override
    public int size() {
        return rows.length;
    }

    @Override
    public int[] lengths() {
        return Arrays.stream(rows)
                .mapToInt(row -> Arrays.stream(row).map(dataset::length).sum())
                .toArray();
    }

    @Override
    public long heapBytes() {
        return dataset.heapBytes() + HeapSize.of(rows);
    }

    @Override
    public String fingerprint() {
        return dataset.fingerprint() + ", packed to " + rowLength;
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return dataset.chatFormat();
    }

    @Override
    public Batch batch(int[] indices, long padId) {
        return Batch.packed(
                dataset,
                Arrays.stream(indices).flatMap(row -> Arrays.stream(rows[row])).toArray());
    }

    /** The same as {@link #batch}: tokens stay as they are. */
    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
