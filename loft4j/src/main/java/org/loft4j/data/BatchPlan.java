package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Seeds;

/**
 * Which examples make up which batch. Every example occurs exactly once an epoch; the last, shorter batch is kept. The order is a
 * function of seed and epoch alone, so that a resumed run goes on where it stopped.
 *
 * <p>Grouping by length saves padding: of the shuffled examples, those of 50 batches at a time are sorted by length, cut into
 * batches, and the batches of the epoch shuffled.
 */
public final class BatchPlan {
    private static final int BATCHES_SORTED_TOGETHER = 50;

    private final int[] lengths;
    private final int batchSize;
    private final boolean groupByLength;
    private final long seed;

    /** @throws ConfigException if the examples have not as many lengths as there are */
    public BatchPlan(Examples dataset, int batchSize, boolean groupByLength, long seed) {
        this(lengths(dataset), batchSize, groupByLength, seed);
    }

    BatchPlan(int[] lengths, int batchSize, boolean groupByLength, long seed) {
        Checks.atLeast("batch_size", batchSize, 1);
        this.lengths = lengths.clone();
        this.batchSize = batchSize;
        this.groupByLength = groupByLength;
        this.seed = seed;
    }

    /** @throws ConfigException if the examples have not as many lengths as there are */
    public static int[] lengths(Examples dataset) {
        int[] lengths = dataset.lengths();
        if (lengths.length != dataset.size()) {
            throw new ConfigException(
                    dataset.size() + " examples need as many lengths, got " + lengths.length + " of them");
        }
        return lengths;
    }

    /** The number of batches of an epoch. */
    public int batches() {
        return (int) (((long) lengths.length + batchSize - 1) / batchSize);
    }

    /** The batches of one epoch (counted from 0) in the order of training. */
    public List<int[]> epoch(long epoch) {
        var random = new SplittableRandom(Seeds.derive(seed, "batches", epoch));
        var order = new ArrayList<>(IntStream.range(0, lengths.length).boxed().toList());
        shuffle(order, random);
        if (groupByLength) {
            long group = (long) batchSize * BATCHES_SORTED_TOGETHER;
            for (long start = 0; start < order.size(); start += group) {
                order.subList((int) start, (int) Math.min(order.size(), start + group))
                        .sort(Comparator.comparingInt(i -> lengths[i]));
            }
        }
        List<int[]> batches = cut(order.stream().mapToInt(i -> i).toArray());
        if (groupByLength) {
            shuffle(batches, random);
        }
        return batches;
    }

    private List<int[]> cut(int[] order) {
        var batches = new ArrayList<int[]>();
        for (int start = 0; start < order.length; start += batchSize) {
            batches.add(Arrays.copyOfRange(order, start, (int) Math.min(order.length, (long) start + batchSize)));
        }
        return batches;
    }

    /** Fisher and Yates; spelt out, since the library's may change between versions of Java. */
    private static <T> void shuffle(List<T> list, SplittableRandom random) {
        for (int i = list.size() - 1; i > 0; i--) {
            int j = (int) (((random.nextLong() >>> 32) * (i + 1)) >>> 32);
            T swapped = list.get(i);
            list.set(i, list.get(j));
            list.set(j, swapped);
        }
    }
}
