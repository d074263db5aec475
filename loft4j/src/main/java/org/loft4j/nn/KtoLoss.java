package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;

/**
 * What a model loses by answers that are judged one by one (KTO: Ethayarajh et al. 2024, arXiv 2402.01306, equations 7 and 8):
 *
 * <pre>  r = β·(log π − log π_ref)      of an answer's tokens together, behind its prompt
 *   z = max(0, mean r)             of strange answers, which belong to other prompts: β·KL(π ‖ π_ref), about
 *   λ_D·(1 − σ(r − z))             of a good answer
 *   λ_U·(1 − σ(z − r))             of a bad one</pre>
 *
 * <p>No gradient goes through z.
 *
 * @param beta β, above 0: how near the model stays to what it was
 * @param desirableWeight λ_D, above 0
 * @param undesirableWeight λ_U, above 0
 */
public record KtoLoss(double beta, double desirableWeight, double undesirableWeight) {
    public KtoLoss {
        Checks.positive("beta", beta);
        Checks.positive("desirable_weight", desirableWeight);
        Checks.positive("undesirable_weight", undesirableWeight);
    }

    /**
     * r of each row.
     *
     * @param reference log-probabilities of the rows before training
     * @throws ConfigException if there are none
     * @throws ShapeException if there is not one for each row
     */
    public double[] rewards(double[] logProbabilities, double[] reference) {
        if (reference.length == 0 && logProbabilities.length > 0) {
            throw new ConfigException(
                    "loss_type kto sets answers against what the model held of them before training, and they do not"
                            + " bring it: JudgedDataset.withReference comes first");
        }
        if (reference.length != logProbabilities.length) {
            throw new ShapeException("judged answers have a reference for each: got " + logProbabilities.length
                    + " rows and " + reference.length + " references");
        }
        double[] rewards = new double[reference.length];
        for (int row = 0; row < rewards.length; row++) {
            rewards[row] = beta * (logProbabilities[row] - reference[row]);
        }
        return rewards;
    }

    /**
     * z.
     *
     * @param sum of the rewards of strange answers
     * @param count of them; 0 gives 0
     */
    public double zero(double sum, long count) {
        return count == 0 ? 0 : Math.max(0, sum / count);
    }

    /**
     * The loss of one row.
     *
     * @param sign 1 of a good answer, −1 of a bad one, and 0 of a strange one, which costs nothing
     */
    public double of(double reward, int sign, double zero) {
        return weight(sign) * PreferenceLoss.sigmoid(sign * (zero - reward));
    }

    /**
     * Adds {@code scale} times the gradient of the sum over all rows to the gradients of all that asks for them.
     *
     * @param labels int64 {@code (batch, seq)}, not shifted
     * @param reference log-probabilities of the rows before training
     * @param signs of the rows, as {@link #of} takes them
     * @return the sum
     */
    public double backward(
            Decoder model,
            ModelInput input,
            Tensor labels,
            double[] reference,
            int[] signs,
            double zero,
            double scale) {
        LanguageModelLoss.Rows now = new LanguageModelLoss(model).backward(input, labels, rows -> {
            double[] slopes = rewards(rows.logProbabilities(), reference);
            for (int row = 0; row < slopes.length; row++) {
                double missed = PreferenceLoss.sigmoid(signs[row] * (zero - slopes[row]));
                slopes[row] = -scale * weight(signs[row]) * signs[row] * beta * missed * (1 - missed);
            }
            return slopes;
        });
        double[] rewards = rewards(now.logProbabilities(), reference);
        double sum = 0;
        for (int row = 0; row < rewards.length; row++) {
            sum += of(rewards[row], signs[row], zero);
        }
        return sum;
    }

    private double weight(int sign) {
        return sign > 0 ? desirableWeight : sign < 0 ? undesirableWeight : 0;
    }
}
