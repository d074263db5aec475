package org.loft4j.cli;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Batch;
import org.loft4j.data.BatchPlan;
import org.loft4j.data.Examples;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;

/**
 * The batches of an epoch with their padding.
 *
 * @param cells tokens and padding of each batch, in the order of training
 * @param lengths of the examples
 * @param rowsEach rows that an example has in a batch at most: two of preferences, and of texts that belong together all but the anchor
 * @param tokens of an epoch, without padding
 * @param judgedBefore whether the examples to learn from are judged before the first step
 */
record BatchSizes(List<int[]> batches, long[] cells, int[] lengths, int rowsEach, long tokens, boolean judgedBefore) {
    static BatchSizes of(Examples train, TrainConfig config) {
        int[] lengths = train.lengths();
        int rowsEach = rowsEach(train);
        List<int[]> batches = new BatchPlan(train, config.batchSize(), config.groupByLength(), config.seed()).epoch(0);
        long[] cells = batches.stream()
                .mapToLong(batch -> train instanceof MatchDataset matches
                        ? cells(matches, batch)
                        : (long) rowsEach * batch.length * longest(batch, lengths))
                .toArray();
        return new BatchSizes(batches, cells, lengths, rowsEach, tokens(train), train instanceof PreferenceDataset);
    }

    private static long cells(MatchDataset matches, int[] batch) {
        return matches.trainingBatches(batch, 0, 0, 0).stream()
                .mapToLong(part -> part instanceof Batch texts ? (long) texts.rows() * texts.columns() : 0)
                .sum();
    }

    private static int rowsEach(Examples examples) {
        return examples instanceof MatchDataset matches
                ? (int) matches.rowsTogether(1)
                : examples instanceof PreferenceDataset ? 2 : 1;
    }

    /** Tokens of all examples, without padding. */
    static long tokens(Examples examples) {
        return examples instanceof PreferenceDataset preferences
                ? preferences.answers().tokens()
                : examples instanceof MatchDataset matches
                        ? matches.texts().tokens()
                        : Arrays.stream(examples.lengths()).asLongStream().sum();
    }

    /** The largest batches; of rows that nobody has read yet the largest that they may make. */
    static Load largest(TrainData encoded, TrainConfig config) {
        if (encoded.train() instanceof Examples rows) {
            return of(rows, config).load(encoded.eval(), config);
        }
        Examples held = encoded.eval();
        int rows = held == null ? 0 : Math.min(config.evalBatchSize(), held.size());
        return new Load(config.batchSize(), encoded.maxLength(), rows, encoded.maxLength());
    }

    private static int longest(int[] batch, int[] lengths) {
        return Arrays.stream(batch).map(i -> lengths[i]).max().orElse(1);
    }

    /** Tokens of an epoch with padding. */
    long padded() {
        return Arrays.stream(cells).sum();
    }

    /** The largest batches of the run. */
    Load load(@Nullable Examples held, TrainConfig config) {
        int[] largest = batches.get(0);
        for (int[] batch : batches) {
            if ((long) batch.length * longest(batch, lengths) > (long) largest.length * longest(largest, lengths)) {
                largest = batch;
            }
        }
        long rows = held == null ? 0 : (long) rowsEach(held) * Math.min(config.evalBatchSize(), held.size());
        int columns = held == null ? 0 : Arrays.stream(held.lengths()).max().orElse(1);
        if (judgedBefore) {
            // before the first step the answers to learn from are judged too, by themselves
            long answers = Math.min(config.evalBatchSize(), (long) rowsEach * lengths.length);
            int longest = Arrays.stream(lengths).max().orElse(1);
            if (answers * longest > rows * columns) {
                rows = answers;
                columns = longest;
            }
        }
        return new Load((long) rowsEach * largest.length, longest(largest, lengths), rows, columns);
    }
}
