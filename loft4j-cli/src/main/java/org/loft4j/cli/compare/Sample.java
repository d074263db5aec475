package org.loft4j.cli.compare;

import java.util.List;
import org.apache.commons.statistics.distribution.TDistribution;

/**
 * Mean and spread of a few numbers.
 *
 * @param count of the numbers
 * @param mean of the numbers; not a number if there is none
 * @param deviation {@code √(Σ(x − mean)² / (n − 1))}; not a number for fewer than two
 * @param overlap of cross-validation with k folds {@code 1 / (k − 1)}, rows judged by rows learnt; 0 of runs that are independent
 */
public record Sample(int count, double mean, double deviation, double overlap) {
    /** Numbers that differ by less than this share of their mean, or of one, are equal but for rounding. */
    private static final double ROUNDING = 1e-12;

    /** Mean and spread of these. */
    public static Sample of(List<Double> values) {
        int n = values.size();
        double mean = values.stream().mapToDouble(x -> x).average().orElse(Double.NaN);
        double squares =
                values.stream().mapToDouble(x -> (x - mean) * (x - mean)).sum();
        return new Sample(n, mean, n < 2 ? Double.NaN : Math.sqrt(squares / (n - 1)), 0);
    }

    /** The same numbers of runs that have rows in common. */
    Sample withOverlap(double common) {
        return new Sample(count, mean, deviation, common);
    }

    /** {@code deviation/√n}; not a number for fewer than two. */
    public double error() {
        return deviation / Math.sqrt(count);
    }

    /**
     * Half the width of the 95 % confidence interval of the mean, by Student's t: {@code t(0.975; n − 1)·deviation·√(1/n +
     * overlap)}; not a number for fewer than two, and for equal ones, which tell nothing of their spread. The overlap is the
     * correction of Nadeau and Bengio, "Inference for the Generalization Error" (2003), for runs that have rows to learn from in
     * common.
     */
    public double halfWidth() {
        return count < 2 || isEqual()
                ? Double.NaN
                : TDistribution.of(count - 1).inverseCumulativeProbability(0.975)
                        * deviation
                        * Math.sqrt(1.0 / count + overlap);
    }

    /** Whether these are several numbers that are all the same. */
    boolean isEqual() {
        return count > 1 && deviation <= ROUNDING * Math.max(1, Math.abs(mean));
    }
}
