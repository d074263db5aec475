package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ShapeException;

/**
 * Direct preference optimization (Rafailov et al. 2023, equation 7): of a preferred answer w and another l to the same prompt
 *
 * <pre>  −log σ(h),  h = β·((log π(w) − log π_ref(w)) − (log π(l) − log π_ref(l)))</pre>
 *
 * where π_ref is the model before training and log π the log-probability of an answer's tokens together. With label smoothing ε, which
 * takes so many of the preferences for turned round, {@code −(1 − ε)·log σ(h) − ε·log σ(−h)} (Mitchell 2023).
 *
 * @param beta β, above 0: how near the model stays to what it was
 * @param smoothing ε, in [0, 0.5)
 */
public record PreferenceLoss(double beta, double smoothing) {
    public PreferenceLoss {
        Checks.positive("beta", beta);
        Checks.fraction("label_smoothing_factor", smoothing);
    }

    /**
     * Adds {@code scale} times the gradient of the sum over all pairs to the gradients of all that asks for them.
     *
     * @param labels int64 {@code (batch, seq)}, not shifted; rows are a preferred answer and the other in turn
     * @param reference log-probabilities of the rows before training
     * @return the sum
     */
    public double backward(Decoder model, ModelInput input, Tensor labels, double[] reference, double scale) {
        double[] now = new LanguageModelLoss(model).backward(input, labels, logProbabilities -> {
            double[] rewards = rewards(logProbabilities, reference);
            double[] slopes = new double[rewards.length];
            for (int pair = 0; pair < rewards.length; pair += 2) {
                double slope = scale * beta * slope(rewards[pair] - rewards[pair + 1]);
                slopes[pair] = slope;
                slopes[pair + 1] = -slope;
            }
            return slopes;
        });
        return sum(rewards(now, reference));
    }

    /**
     * {@code β·(log π − log π_ref)} of each row.
     *
     * @throws ShapeException if there is not one reference for each, or a row without another
     */
    public double[] rewards(double[] logProbabilities, double[] reference) {
        if (reference.length != logProbabilities.length || reference.length % 2 != 0) {
            throw new ShapeException("preferences are two rows each, and have a reference for each: got "
                    + logProbabilities.length + " rows and " + reference.length + " references");
        }
        double[] rewards = new double[reference.length];
        for (int row = 0; row < rewards.length; row++) {
            rewards[row] = beta * (logProbabilities[row] - reference[row]);
        }
        return rewards;
    }

    /** The loss of all pairs together, by {@link #rewards}. */
    public double sum(double[] rewards) {
        double sum = 0;
        for (int pair = 0; pair < rewards.length; pair += 2) {
            double margin = rewards[pair] - rewards[pair + 1];
            sum += (1 - smoothing) * softplus(-margin) + smoothing * softplus(margin);
        }
        return sum;
    }

    /** Its derivative: {@code σ(h) − 1 + ε}. */
    private double slope(double margin) {
        return 1 / (1 + Math.exp(-margin)) - 1 + smoothing;
    }

    /** {@code log(1 + eˣ)}, which is −log σ(−x). */
    private static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
}
