package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * What a model makes of one example, in the pass that judges all of them: {@link Evaluator#withEach}.
 *
 * @param loss the mean over its targets, without unit; of classes −log p of the right one
 * @param targets how many there are: tokens of a language model, words with a tag, labels of which a text may have several; else 1
 * @param told the class that is most likely, of each word with a tag one; none where there are no classes
 * @param outputs of a class each its probability, also where a text may have several labels; of each word that of its tag; of a
 *     regression the number; of texts to rank each one's number, the right one first; of preferences the rewards of the preferred
 *     answer and of the other; of a language model none
 */
public record RowOutcome(double loss, int targets, int[] told, double[] outputs) {
    private static final int[] NO_CLASS = {};
    private static final double[] NO_OUTPUT = {};

    /** Hears of each example by its place among all; not in their order. */
    @FunctionalInterface
    public interface Listener extends BiConsumer<Integer, RowOutcome> {}

    /**
     * @param logits {@code (batch, classes)}
     * @param labels int64 {@code (batch)}
     */
    static List<RowOutcome> ofClasses(Tensor logits, Tensor labels) {
        int classes = (int) logits.size(1);
        double[] all = logProbabilities(logits);
        long[] right = Tensors.toLongs(labels);
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int row = 0; row < right.length; row++) {
            double[] own = Arrays.copyOfRange(all, row * classes, (row + 1) * classes);
            outcomes.add(new RowOutcome(-own[(int) right[row]], 1, new int[] {largest(own)}, exponentials(own)));
        }
        return outcomes;
    }

    /**
     * @param logits {@code (batch, seq, classes)}
     * @param labels int64 {@code (batch, seq)}, {@link Losses#IGNORED} where no word begins
     */
    static List<RowOutcome> ofWords(Tensor logits, Tensor labels) {
        int columns = (int) labels.size(1);
        int classes = (int) logits.size(2);
        double[] all = logProbabilities(logits);
        long[] right = Tensors.toLongs(labels);
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int start = 0; start < right.length; start += columns) {
            List<Integer> told = new ArrayList<>();
            List<Double> probabilities = new ArrayList<>();
            double sum = 0;
            for (int i = start; i < start + columns; i++) {
                if (right[i] == Losses.IGNORED) {
                    continue;
                }
                double[] own = Arrays.copyOfRange(all, i * classes, (i + 1) * classes);
                int first = largest(own);
                told.add(first);
                probabilities.add(Math.exp(own[first]));
                sum -= own[(int) right[i]];
            }
            outcomes.add(new RowOutcome(
                    sum / Math.max(1, told.size()),
                    told.size(),
                    told.stream().mapToInt(i -> i).toArray(),
                    probabilities.stream().mapToDouble(p -> p).toArray()));
        }
        return outcomes;
    }

    /**
     * @param logits of one label after the other, row by row
     * @param has 1 for the labels of a row, 0 for the others
     * @param rows how many rows there are
     */
    static List<RowOutcome> ofSeveral(double[] logits, long[] has, int rows) {
        int labels = logits.length / rows;
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            double[] probabilities = new double[labels];
            double sum = 0;
            for (int k = 0; k < labels; k++) {
                double z = logits[row * labels + k];
                probabilities[k] = 1 / (1 + Math.exp(-z));
                double wrong = has[row * labels + k] == 1 ? -z : z;
                // log(1 + exp(x)), which does not overflow
                sum += Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong)));
            }
            outcomes.add(new RowOutcome(sum / labels, labels, NO_CLASS, probabilities));
        }
        return outcomes;
    }

    static List<RowOutcome> ofNumbers(double[] told, double[] expected) {
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int row = 0; row < told.length; row++) {
            double error = told[row] - expected[row];
            outcomes.add(new RowOutcome(error * error, 1, NO_CLASS, new double[] {told[row]}));
        }
        return outcomes;
    }

    /** @param sizes of the groups, each with the right text first */
    static List<RowOutcome> ofGroups(double[] scores, int[] sizes) {
        List<RowOutcome> outcomes = new ArrayList<>();
        int start = 0;
        for (int size : sizes) {
            double[] own = Arrays.copyOfRange(scores, start, start + size);
            double most = Arrays.stream(own).max().orElse(0);
            double sum = Arrays.stream(own).map(z -> Math.exp(z - most)).sum();
            outcomes.add(new RowOutcome(most + Math.log(sum) - own[0], 1, NO_CLASS, own));
            start += size;
        }
        return outcomes;
    }

    static List<RowOutcome> ofTexts(LanguageModelLoss.Rows rows) {
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int row = 0; row < rows.targets().length; row++) {
            int targets = rows.targets()[row];
            outcomes.add(
                    new RowOutcome(-rows.logProbabilities()[row] / Math.max(1, targets), targets, NO_CLASS, NO_OUTPUT));
        }
        return outcomes;
    }

    /** @param answers a preferred one and another in turn */
    static List<RowOutcome> ofPairs(PreferenceLoss loss, LanguageModelLoss.Rows answers, double[] rewards) {
        List<RowOutcome> outcomes = new ArrayList<>();
        for (int row = 0; row < rewards.length; row += 2) {
            double[] both = Arrays.copyOfRange(rewards, row, row + 2);
            LanguageModelLoss.Rows pair = new LanguageModelLoss.Rows(
                    Arrays.copyOfRange(answers.logProbabilities(), row, row + 2),
                    Arrays.copyOfRange(answers.targets(), row, row + 2));
            outcomes.add(new RowOutcome(loss.sum(pair, both, 0), 1, NO_CLASS, both));
        }
        return outcomes;
    }

    private static double[] logProbabilities(Tensor logits) {
        return Tensors.toDoubles(
                logits.to(Dtype.F64.scalarType()).log_softmax(-1).flatten());
    }

    private static double[] exponentials(double[] logs) {
        return Arrays.stream(logs).map(Math::exp).toArray();
    }

    private static int largest(double[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }
}
