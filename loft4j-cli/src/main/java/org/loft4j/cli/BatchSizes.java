package org.loft4j.cli;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.BatchPlan;
import org.loft4j.data.Examples;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.Preferences;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RankedDataset;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenized;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.HalfRows;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;

/**
 * The batches of an epoch with their padding.
 *
 * @param cells tokens and padding of each batch, in the order of training
 * @param lengths of the examples
 * @param largest the examples of the largest batch
 * @param rows that they make at most
 * @param tokens of an epoch, without padding
 * @param answered whether the model answers prompts as it learns
 * @param before lengths of what is judged before the first step; none where nothing is
 * @param shapes see {@link Load}
 */
record BatchSizes(
        List<int[]> batches,
        long[] cells,
        int[] lengths,
        int[] largest,
        long rows,
        long tokens,
        int[] before,
        boolean answered,
        long shapes) {
    static BatchSizes of(Examples train, TrainConfig config) {
        int[] lengths = lengths(train, config);
        List<int[]> batches = new BatchPlan(train, config.batchSize(), config.groupByLength(), config.seed()).epoch(0);
        long[] cells = batches.stream()
                .mapToLong(batch -> cells(train, batch, lengths, config))
                .toArray();
        int[] largest = batches.get(0);
        for (int[] batch : batches) {
            if (size(train, batch, lengths) > size(train, largest, lengths)) {
                largest = batch;
            }
        }
        return new BatchSizes(
                batches,
                cells,
                lengths,
                largest,
                rows(train, largest.length, config),
                tokens(train, config),
                train instanceof Preferences preferences
                                && config.loss().preferences().kind().hasReference()
                        ? preferences.compared().lengths()
                        : new int[0],
                train instanceof PromptDataset,
                shapes(train, batches, lengths));
    }

    private static long size(Examples train, int[] batch, int[] lengths) {
        return train instanceof SourceTargetDataset both
                ? both.cells(batch)
                : (long) batch.length * longest(batch, lengths);
    }

    private static long cells(Examples train, int[] batch, int[] lengths, TrainConfig config) {
        if (train instanceof MatchDataset matches) {
            return matches.cells(batch);
        }
        if (train instanceof SourceTargetDataset both) {
            return both.cells(batch);
        }
        return train instanceof RankedDataset ranked
                ? ranked.cells(batch)
                : rows(train, batch.length, config) * longest(batch, lengths);
    }

    /** Of prompts with the longest answers. */
    private static int[] lengths(Examples examples, TrainConfig config) {
        int answer = examples instanceof PromptDataset ? config.loss().rewards().maxCompletionLength() : 0;
        return Arrays.stream(examples.lengths()).map(length -> length + answer).toArray();
    }

    /** Rows that so many examples make at most: two of a preference, of texts that belong together all but the anchors, of texts to rank all, and of a prompt its answers. */
    private static long rows(Examples examples, int count, TrainConfig config) {
        return examples instanceof PromptDataset
                ? (long) count * config.loss().rewards().generations()
                : rows(examples, count);
    }

    private static long rows(Examples examples, int count) {
        return examples instanceof MatchDataset matches
                ? matches.rowsTogether(count)
                : examples instanceof RankedDataset ranked
                        ? ranked.rowsTogether(count)
                        : examples instanceof PreferenceDataset ? 2L * count : count;
    }

    /** Rows of the largest batch of an evaluation, for which texts that belong together are taken one by one, and strange answers with judged ones. */
    private static long judged(Examples held, TrainConfig config) {
        return held instanceof MatchDataset matches
                ? Math.min(config.evalBatchSize(), matches.texts().size())
                : (held instanceof JudgedDataset ? 2 : 1) * rows(held, Math.min(config.evalBatchSize(), held.size()));
    }

    /** Tokens of all that is learnt, without padding; of prompts with the longest answers. */
    static long tokens(Examples examples, TrainConfig config) {
        return examples instanceof PromptDataset
                ? rows(examples, 1, config)
                        * Arrays.stream(lengths(examples, config))
                                .asLongStream()
                                .sum()
                : tokens(examples);
    }

    /** Tokens of all examples, without padding. */
    static long tokens(Examples examples) {
        return examples instanceof Tokenized tokenized
                ? tokenized.texts().tokens()
                : Arrays.stream(examples.lengths()).asLongStream().sum();
    }

    /** Tokens of all that is judged of examples, without padding: of answers that are judged one by one also the strange ones. */
    static long judgedTokens(Examples examples) {
        return examples instanceof Preferences preferences
                ? preferences.compared().tokens()
                : tokens(examples);
    }

    /** The largest batches; of rows that nobody has read yet the largest that they may make. */
    static Load largest(TrainData encoded, TrainConfig config) {
        if (encoded.train() instanceof Examples rows) {
            BatchSizes sizes = of(rows, config);
            Load load = sizes.load(encoded.eval(), config);
            load = encoded.train().hasPreferences() || rows instanceof PromptDataset ? load.judging() : load;
            return rows instanceof SourceTargetDataset both ? writing(load, both, sizes.largest, encoded.eval()) : load;
        }
        Examples held = encoded.eval();
        long rows = held == null ? 0 : judged(held, config);
        Load load = new Load(streamed(encoded.train(), config), encoded.maxLength(), rows, encoded.maxLength())
                .ofShapes(HalfRows.upTo(encoded.maxLength()));
        boolean writes =
                encoded.train() instanceof StreamingDataset stream && stream.sample() instanceof SourceTargetDataset;
        load = encoded.train().hasPreferences() ? load.judging() : load;
        return writes ? load.writing(encoded.maxLength() + 1L, encoded.maxLength() + 1L) : load;
    }

    /** What is read and what is written are rows of their own. */
    private static Load writing(Load load, SourceTargetDataset train, int[] largest, @Nullable Examples held) {
        int[] all = held instanceof SourceTargetDataset
                ? IntStream.range(0, held.size()).toArray()
                : new int[0];
        SourceTargetDataset judged = held instanceof SourceTargetDataset some ? some : train;
        return new Load(
                        load.rows(),
                        train.longestSource(largest),
                        load.evalRows(),
                        all.length == 0 ? 0 : judged.longestSource(all),
                        load.cached())
                .ofShapes(load.shapes())
                .writing(train.longestTarget(largest) + 1L, all.length == 0 ? 0 : judged.longestTarget(all) + 1L);
    }

    /** Rows of a batch of rows that nobody has read yet: of texts that belong together, or are ranked, with as many negatives as the first have at most, of preferences two answers each. */
    private static long streamed(TrainingSet train, TrainConfig config) {
        if (train.hasPreferences()) {
            return 2L * config.batchSize();
        }
        return train instanceof StreamingDataset stream
                ? Math.max(1, config.batchSize() * rows(stream.sample(), 1))
                : config.batchSize();
    }

    private static int longest(int[] batch, int[] lengths) {
        return Arrays.stream(batch).map(i -> lengths[i]).max().orElse(1);
    }

    /** How many the batches of an epoch have; packed examples lie end to end, all of a batch. */
    private static long shapes(Examples train, List<int[]> batches, int[] lengths) {
        return batches.stream()
                .map(batch -> train instanceof PackedDataset
                        ? List.of(
                                1L,
                                HalfRows.upFrom(Arrays.stream(batch)
                                        .mapToLong(i -> lengths[i])
                                        .sum()))
                        : List.of((long) batch.length, HalfRows.upFrom(longest(batch, lengths))))
                .distinct()
                .count();
    }

    /** Tokens of an epoch with padding. */
    long padded() {
        return Arrays.stream(cells).sum();
    }

    /** The largest batches of the run. */
    Load load(@Nullable Examples held, TrainConfig config) {
        long evalRows = held == null ? 0 : judged(held, config);
        int[] judged = held instanceof Preferences answers
                ? answers.compared().lengths()
                : held == null ? new int[0] : lengths(held, config);
        int columns = held == null ? 0 : Arrays.stream(judged).max().orElse(1);
        if (before.length > 0) {
            // before the first step the answers to learn from are judged too, by themselves
            long answers = Math.min(config.evalBatchSize(), before.length);
            int longest = Arrays.stream(before).max().orElse(1);
            if (answers * longest > evalRows * columns) {
                evalRows = answers;
                columns = longest;
            }
        }
        int longest = longest(largest, lengths);
        long cached = answered ? Math.max(rows * longest, evalRows * columns) : 0;
        return new Load(rows, longest, evalRows, columns, cached).ofShapes(shapes);
    }
}
