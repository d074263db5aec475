package org.loft4j.data;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * Examples padded on the right to the longest of them, row by row; or end to end in a single row.
 *
 * @param rows number of examples
 * @param columns length of the longest
 * @param inputIds token ids, (rows, columns)
 * @param attentionMask 1 at tokens, 0 at padding, (rows, columns)
 * @param labels for a language model (rows, columns), {@link Encoded#NO_LOSS} at padding; for a classifier (rows); none of a
 *     regression, and where a text may have several labels
 * @param tokens number of tokens without padding
 * @param targets how many predictions the mean loss is taken over: the rows of a classifier or a regression; the pairs of preferences, or the answers that are judged one by one; the anchors of texts that belong together; the groups of pairs to rank; for a language model the labelled
 *     tokens from the second of each row on, since a token is predicted from those before it; for a classifier of words the labelled tokens
 * @param tokenTypeIds 0 for the tokens of a first text and 1 for those of a second, 0 at padding, (rows, columns); null where all are 0
 * @param segments lengths of the examples that lie end to end in the one row; null where each row is one
 * @param scores of a regression the numbers that are learnt, (rows); of texts that may have several labels 1 for those that each has and
 *     0 for the others, (rows, labels); null where there are none
 * @param facts what a loss asks of the rows beside their labels; null for nothing
 */
public record Batch(
        int rows,
        int columns,
        long[] inputIds,
        long[] attentionMask,
        long[] labels,
        long tokens,
        long targets,
        long @Nullable [] tokenTypeIds,
        int @Nullable [] segments,
        float @Nullable [] scores,
        @Nullable RowFacts facts)
        implements MiniBatch {
    public Batch(
            int rows, int columns, long[] inputIds, long[] attentionMask, long[] labels, long tokens, long targets) {
        this(rows, columns, inputIds, attentionMask, labels, tokens, targets, null, null, null, null);
    }

    /** Collects the examples with the given indices. */
    public static Batch collate(Dataset dataset, int[] indices, long padId) {
        Checks.atLeast("number of examples in a batch", indices.length, 1);
        int rows = indices.length;
        int columns = Arrays.stream(indices).map(dataset::length).max().orElseThrow();
        int cells = Math.multiplyExact(rows, columns);
        var ids = new long[cells];
        var mask = new long[cells];
        LabelSets sets = dataset.labelSets();
        var scores = sets != null ? sets.scores(indices) : dataset.isRegression() ? new float[rows] : null;
        boolean one = dataset.isClassification() || scores != null;
        var labels = new long[scores != null ? 0 : one ? rows : cells];
        var types = dataset.hasPairs() ? new long[cells] : null;
        Arrays.fill(ids, padId);
        Arrays.fill(labels, Encoded.NO_LOSS);
        long tokens = 0;
        for (int row = 0; row < rows; row++) {
            Encoded example = dataset.get(indices[row]);
            int length = example.ids().length;
            System.arraycopy(example.ids(), 0, ids, row * columns, length);
            Arrays.fill(mask, row * columns, row * columns + length, 1);
            if (types != null && example.tokenTypeIds() != null) {
                System.arraycopy(example.tokenTypeIds(), 0, types, row * columns, length);
            }
            if (scores != null && sets == null) {
                scores[row] = dataset.score(indices[row]);
            } else if (scores == null) {
                System.arraycopy(example.labels(), 0, labels, one ? row : row * columns, example.labels().length);
            }
            tokens += length;
        }
        long targets = one ? rows : targets(labels, columns, dataset.isTagged() ? 0 : 1);
        return new Batch(rows, columns, ids, mask, labels, tokens, targets, types, null, scores, null);
    }

    /** The same answers of a language model as preferences: a preferred one and another in turn. */
    Batch with(RowFacts.Pairs pairs) {
        return with(pairs.count(), pairs);
    }

    /** The same answers as some that are judged one by one. */
    Batch with(RowFacts.Judged judged) {
        return with(judged.learnt(), judged);
    }

    /** The same texts as some that belong together. */
    Batch with(MatchedTexts together) {
        return with(together.anchors(), together);
    }

    /** The same pairs of texts as groups of which each has one that is right, its first. */
    Batch with(RowFacts.Groups groups) {
        return with(groups.count(), groups);
    }

    /**
     * Answers that a model has given, each behind its prompt; all of an answer is learnt, its end too.
     *
     * @param prompts of the answers
     * @param advantages of the answers
     * @throws org.loft4j.ConfigException if there are not as many of each, or one of the first two has no token
     */
    public static Batch ofAnswers(List<long[]> prompts, List<long[]> answers, Advantages advantages, long padId) {
        int rows = answers.size();
        if (prompts.size() != rows || advantages.ofRows().length != rows) {
            throw new ConfigException(rows + " answers need as many prompts and advantages, got " + prompts.size()
                    + " and " + advantages.ofRows().length);
        }
        int[][] ids = new int[rows][];
        int[][] loss = new int[rows][];
        for (int i = 0; i < rows; i++) {
            int prompt = prompts.get(i).length;
            Checks.atLeast("number of tokens of a prompt", prompt, 1);
            Checks.atLeast("number of tokens of an answer", answers.get(i).length, 1);
            ids[i] = LongStream.concat(Arrays.stream(prompts.get(i)), Arrays.stream(answers.get(i)))
                    .mapToInt(Math::toIntExact)
                    .toArray();
            loss[i] = new int[] {prompt, ids[i].length};
        }
        return collate(
                        Dataset.ofLanguage(ids, loss, Truncations.NONE),
                        IntStream.range(0, rows).toArray(),
                        padId)
                .with(advantages);
    }

    /** The same answers with other advantages. */
    public Batch with(Advantages others) {
        return with(targets, others);
    }

    private Batch with(long learnt, RowFacts known) {
        return new Batch(
                rows, columns, inputIds, attentionMask, labels, tokens, learnt, tokenTypeIds, segments, scores, known);
    }

    /** The examples of a language model with the given indices end to end, none of whose first tokens is predicted. */
    static Batch packed(Dataset dataset, int[] indices) {
        Checks.atLeast("number of examples in a batch", indices.length, 1);
        int[] segments = Arrays.stream(indices).map(dataset::length).toArray();
        int columns = Arrays.stream(segments).reduce(0, Math::addExact);
        var ids = new long[columns];
        var mask = new long[columns];
        var labels = new long[columns];
        Arrays.fill(mask, 1);
        int at = 0;
        for (int index : indices) {
            Encoded example = dataset.get(index);
            System.arraycopy(example.ids(), 0, ids, at, example.ids().length);
            System.arraycopy(example.labels(), 0, labels, at, example.ids().length);
            labels[at] = Encoded.NO_LOSS;
            at += example.ids().length;
        }
        return new Batch(
                1, columns, ids, mask, labels, columns, targets(labels, columns, 1), null, segments, null, null);
    }

    /** @param first column of the first prediction: a next token is predicted from those before it, a class is not */
    private static long targets(long[] labels, int columns, int first) {
        long count = 0;
        for (int i = 0; i < labels.length; i++) {
            count += i % columns >= first && labels[i] != Encoded.NO_LOSS ? 1 : 0;
        }
        return count;
    }
}
