package org.loft4j.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.loft4j.nn.Threshold;

/**
 * How well labels are told of texts that may have several; the scores are those of scikit-learn with {@code zero_division=0}.
 */
public final class MultiLabelScore {
    /** Those of the scores that are 0 where no text has a label. */
    static final Set<String> F1 = Set.of("micro_f1", "macro_f1");

    private final List<ConfusionMatrix> labels = new ArrayList<>();
    private final RocAuc curves;
    private final double leastLogit;
    private long texts;
    private long exact;

    /** @param labels how many there are for a text to have */
    MultiLabelScore(int labels, Threshold threshold) {
        for (int k = 0; k < labels; k++) {
            this.labels.add(new ConfusionMatrix(2));
        }
        this.leastLogit = threshold.logit();
        this.curves = new RocAuc(labels);
    }

    /**
     * Takes in some texts.
     *
     * @param expected 1 for the labels that each text has and 0 for the others, row by row
     * @param logits of the labels, in the same order: the model tells those that are above the threshold
     */
    void add(long[] expected, double[] logits) {
        int count = labels.size();
        for (int from = 0; from < expected.length; from += count) {
            boolean right = true;
            for (int k = 0; k < count; k++) {
                int told = logits[from + k] > leastLogit ? 1 : 0;
                labels.get(k).add((int) expected[from + k], told);
                right &= told == expected[from + k];
            }
            texts++;
            exact += right ? 1 : 0;
        }
        curves.add(expected, logits);
    }

    /** The number of texts. */
    public long count() {
        return texts;
    }

    /** The share of texts of which every label is told right, and none too many (subset accuracy); 0 without texts. */
    public double accuracy() {
        return texts == 0 ? 0 : (double) exact / texts;
    }

    /** {@code F1 = 2·TP / (2·TP + FP + FN)} of all labels of all texts; 0 where no text has one and none is told. */
    public double microF1() {
        long right = 0;
        long wrong = 0;
        for (ConfusionMatrix label : labels) {
            right += label.count(1, 1);
            wrong += label.count(0, 1) + label.count(1, 0);
        }
        return right + wrong == 0 ? 0 : 2.0 * right / (2.0 * right + wrong);
    }

    /** The unweighted mean of the labels' F1; that of a label which no text has, and which is never told, is 0. */
    public double macroF1() {
        return labels.stream().mapToDouble(label -> label.f1(1)).average().orElse(0);
    }

    /** The area under the ROC curve of all labels of all texts together; NaN where each text has all, or none has any. */
    public double microRocAuc() {
        return curves.micro();
    }

    /**
     * The unweighted mean of the labels' areas under the ROC curve, without the labels that all texts have, or none, of which there
     * is no area; NaN where all are such.
     */
    public double macroRocAuc() {
        return curves.macro();
    }

    /** Of each label which texts have it (class 1) and which not (class 0), and what is told of them. */
    public List<ConfusionMatrix> labels() {
        return List.copyOf(labels);
    }
}
