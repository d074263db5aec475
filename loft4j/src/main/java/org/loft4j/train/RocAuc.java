package org.loft4j.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The area under the curve of true against false positives (ROC), as scikit-learn's {@code roc_auc_score} has it: how surely a score
 * puts what has a label above what has it not, whatever threshold is chosen.
 */
final class RocAuc {
    /** The names of the scores that are no numbers where all rows have a label, or none has it. */
    static final Set<String> NAMES = Set.of("roc_auc", "micro_roc_auc", "macro_roc_auc");

    private final int labels;
    private final List<long[]> expectedParts = new ArrayList<>();
    private final List<double[]> scoreParts = new ArrayList<>();

    /** @param labels that a row can have, each with a score of its own */
    RocAuc(int labels) {
        this.labels = labels;
    }

    /**
     * Takes in some rows.
     *
     * @param expected 1 for the labels that each row has and 0 for the others, row by row
     * @param scores of the labels, in the same order
     */
    void add(long[] expected, double[] scores) {
        expectedParts.add(expected);
        scoreParts.add(scores);
    }

    /** Of all labels of all rows as if they were one; NaN where all have it, or none. */
    double micro() {
        return area(0, 1);
    }

    /**
     * The unweighted mean of the labels' areas. A label that all rows have, or none, has none, and does not take part; NaN where
     * no label has one.
     */
    double macro() {
        return IntStream.range(0, labels)
                .mapToDouble(label -> area(label, labels))
                .filter(area -> !Double.isNaN(area))
                .average()
                .orElse(Double.NaN);
    }

    /**
     * The share of pairs of a row that has a label and one that has not in which the first has the higher score, and half of those in
     * which both have the same; NaN without such pairs. Of the scores every so many-th is read.
     */
    private double area(int first, int every) {
        double[] having = sorted(1, first, every);
        double[] lacking = sorted(0, first, every);
        if (isNoNumber(having) || isNoNumber(lacking)) {
            return Double.NaN;
        }
        long twice = 0;
        int below = 0;
        int upTo = 0;
        for (double score : having) {
            while (below < lacking.length && lacking[below] < score) {
                below++;
            }
            while (upTo < lacking.length && lacking[upTo] <= score) {
                upTo++;
            }
            twice += below + upTo;
        }
        return twice / (2.0 * having.length * lacking.length);
    }

    /** The scores of the rows of which this was expected. Each part is of whole rows. */
    private double[] sorted(long wanted, int first, int every) {
        return IntStream.range(0, scoreParts.size())
                .mapToObj(part -> IntStream.iterate(first, i -> i < scoreParts.get(part).length, i -> i + every)
                        .filter(i -> expectedParts.get(part)[i] == wanted)
                        .mapToDouble(i -> scoreParts.get(part)[i]))
                .flatMapToDouble(scores -> scores)
                .sorted()
                .toArray();
    }

    /** Sorting puts what is none last. */
    private static boolean isNoNumber(double[] sorted) {
        return sorted.length > 0 && Double.isNaN(sorted[sorted.length - 1]);
    }
}
