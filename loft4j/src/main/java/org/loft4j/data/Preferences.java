package org.loft4j.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * Answers to prompts of which it is known whether the model should rather give them: pairs ({@link PreferenceDataset}), or answers
 * that are judged one by one ({@link JudgedDataset}). Losses may set them against how probable they were to the model before it was
 * trained: {@link #withReference}.
 */
public sealed interface Preferences extends Tokenized permits PreferenceDataset, JudgedDataset {
    /** All answers of which a loss may ask how probable they are, each with its prompt. */
    Dataset compared();

    /**
     * The same with what the model held of them before it was trained. A {@code TrainingRun} that begins, by a loss that sets answers
     * against it, takes what it finds here, and looks for itself where there is nothing.
     *
     * @param logProbabilities of each answer, in the order of {@link #compared}
     * @throws ConfigException if there are more or fewer, or one is not finite
     */
    Preferences withReference(double[] logProbabilities);

    /** What {@link #withReference} was given; null before. */
    double @Nullable [] reference();

    @Override
    default boolean hasPreferences() {
        return true;
    }

    /** A copy of a reference that can be one of these answers. */
    static double[] checked(double[] logProbabilities, Dataset compared) {
        if (logProbabilities.length != compared.size()) {
            throw new ConfigException(
                    compared.size() + " answers need as many log-probabilities, got " + logProbabilities.length);
        }
        long lost = Arrays.stream(logProbabilities)
                .filter(value -> !Double.isFinite(value))
                .count();
        if (lost > 0) {
            throw new ConfigException("of " + lost + " of " + compared.size()
                    + " answers the model gives no finite log-probability before it is trained: there is nothing to prefer to;"
                    + " another --dtype than float16, or other files of the model, may be what it takes");
        }
        return logProbabilities.clone();
    }

    /** Refuses a loss on prompts, which are no answers. */
    static void requireLossOnAnswers(@Nullable ChatFormat format) {
        if (format != null && format.lossOn() == LossOn.ALL) {
            throw new ConfigException(
                    "loss_on all takes the prompt too, and preferences compare answers: leave it out, or name"
                            + " assistant");
        }
    }
}
