package org.loft4j.data;

import java.util.Arrays;

/** What a loss asks of the rows of a batch beside their labels, where it compares them with each other or with what they were. */
public sealed interface RowFacts permits RowFacts.Pairs, RowFacts.Judged, RowFacts.Groups, MatchedTexts, Advantages {
    /** How many things there are that stay whole where the rows are shared out. */
    int count();

    /** The first row of one of them, and for {@link #count} the number of rows. */
    default int start(int which) {
        return which;
    }

    /** The same of those from one to before another. */
    RowFacts some(int from, int to);

    /**
     * Preferences: a preferred answer and another in turn.
     *
     * @param count of the pairs
     * @param reference log-probability of each row before training; none (0) where that is not known
     */
    record Pairs(int count, double[] reference) implements RowFacts {
        @Override
        public int start(int which) {
            return 2 * which;
        }

        @Override
        public Pairs some(int from, int to) {
            return new Pairs(to - from, known(reference, start(from), start(to)));
        }
    }

    /**
     * Answers that are judged one by one.
     *
     * @param signs {@link JudgedDataset#GOOD}, {@link JudgedDataset#BAD}, or {@link JudgedDataset#STRANGE}, of each row
     * @param reference log-probability of each row before training; none (0) where that is not known
     */
    record Judged(int[] signs, double[] reference) implements RowFacts {
        @Override
        public int count() {
            return signs.length;
        }

        @Override
        public Judged some(int from, int to) {
            return new Judged(Arrays.copyOfRange(signs, from, to), known(reference, from, to));
        }

        /** How many rows there are that something is learnt of. */
        public long learnt() {
            return Arrays.stream(signs)
                    .filter(sign -> sign != JudgedDataset.STRANGE)
                    .count();
        }
    }

    /**
     * Pairs of texts to rank.
     *
     * @param sizes how many rows of each example follow each other, the right one first
     */
    record Groups(int[] sizes) implements RowFacts {
        @Override
        public int count() {
            return sizes.length;
        }

        @Override
        public int start(int which) {
            return Arrays.stream(sizes).limit(which).sum();
        }

        @Override
        public Groups some(int from, int to) {
            return new Groups(Arrays.copyOfRange(sizes, from, to));
        }
    }

    private static double[] known(double[] reference, int from, int to) {
        return reference.length == 0 ? reference : Arrays.copyOfRange(reference, from, to);
    }
}
