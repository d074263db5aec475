package org.loft4j.train;

import org.loft4j.Checks;

/** Counts of (expected, predicted) class pairs, and the scores that are read off them. */
public final class ConfusionMatrix {
    private final long[][] counts;

    /** @param classes number of classes, at least 1 */
    public ConfusionMatrix(int classes) {
        Checks.atLeast("classes", classes, 1);
        this.counts = new long[classes][classes];
    }

    /** Counts one example. */
    public void add(int expected, int predicted) {
        counts[expected][predicted]++;
    }

    /** Number of examples of class {@code expected} that were taken for {@code predicted}. */
    public long count(int expected, int predicted) {
        return counts[expected][predicted];
    }

    public int classes() {
        return counts.length;
    }

    /** Number of examples. */
    public long total() {
        long total = 0;
        for (int k = 0; k < counts.length; k++) {
            total += support(k);
        }
        return total;
    }

    /** Whether examples of several classes were all taken for the same one, as a classifier does that has learnt nothing. */
    public boolean predictsOneClass() {
        long most = 0;
        int classes = 0;
        for (int k = 0; k < counts.length; k++) {
            most = Math.max(most, predicted(k));
            classes += support(k) > 0 ? 1 : 0;
        }
        return classes > 1 && most == total();
    }

    /** The share of examples that were predicted right; 0 when there is none. */
    public double accuracy() {
        long total = total();
        return total == 0 ? 0 : (double) correct() / total;
    }

    /** {@code TP / (TP + FP)} of one class; 0 for a class that is never predicted. */
    public double precision(int k) {
        long predicted = predicted(k);
        return predicted == 0 ? 0 : (double) counts[k][k] / predicted;
    }

    /** {@code TP / (TP + FN)} of one class; 0 for a class that does not occur. */
    public double recall(int k) {
        long support = support(k);
        return support == 0 ? 0 : (double) counts[k][k] / support;
    }

    /** {@code F1 = 2·TP / (2·TP + FP + FN)} of one class; 0 for a class that neither occurs nor is predicted. */
    public double f1(int k) {
        long denominator = support(k) + predicted(k);
        return denominator == 0 ? 0 : 2.0 * counts[k][k] / denominator;
    }

    /**
     * The unweighted mean of the classes' F1. As in scikit-learn, a class that neither occurs nor is predicted does not
     * take part.
     */
    public double macroF1() {
        double sum = 0;
        int present = 0;
        for (int k = 0; k < counts.length; k++) {
            if (support(k) + predicted(k) > 0) {
                sum += f1(k);
                present++;
            }
        }
        return present == 0 ? 0 : sum / present;
    }

    /**
     * Matthews' correlation in Gorodkin's form for any number of classes (Comput. Biol. Chem. 28, 2004, eq. 8):
     * {@code (c·s − Σ p_k·t_k) / √((s² − Σ p_k²)(s² − Σ t_k²))} with {@code s} examples, {@code c} of them right, {@code t_k}
     * of class k and {@code p_k} predicted as k. In [−1, 1]; 0 when all examples or all predictions are of one class.
     */
    public double matthews() {
        double total = total();
        double agreement = correct() * total;
        double predictedSpread = total * total;
        double expectedSpread = total * total;
        for (int k = 0; k < counts.length; k++) {
            double p = predicted(k);
            double t = support(k);
            agreement -= p * t;
            predictedSpread -= p * p;
            expectedSpread -= t * t;
        }
        if (predictedSpread == 0 || expectedSpread == 0) {
            return 0;
        }
        return agreement / Math.sqrt(predictedSpread) / Math.sqrt(expectedSpread);
    }

    private long correct() {
        long correct = 0;
        for (int k = 0; k < counts.length; k++) {
            correct += counts[k][k];
        }
        return correct;
    }

    /** Number of examples of a class. */
    public long support(int k) {
        long sum = 0;
        for (long count : counts[k]) {
            sum += count;
        }
        return sum;
    }

    private long predicted(int k) {
        long sum = 0;
        for (long[] row : counts) {
            sum += row[k];
        }
        return sum;
    }
}
