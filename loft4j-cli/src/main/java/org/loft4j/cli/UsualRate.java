package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.Method;

/**
 * The default learning rates of the methods for what rows teach: preferences and rewards are learnt at a share of the others.
 *
 * @param prompts whether they are prompts, whose answers rewards judge
 * @param preferences the loss that learns them where they are preferences; null where they are not
 */
record UsualRate(boolean prompts, PreferenceLoss.@Nullable Kind preferences) {
    /** Of all other rows. */
    static final UsualRate PLAIN = new UsualRate(false, null);

    /** @param loss which has settled what it learns of these rows */
    static UsualRate of(TrainingRows rows, PreferenceLossFlags loss) {
        return new UsualRate(rows.arePrompts(), loss.kind(rows.arePreferences()));
    }

    /** A method's default on a model. */
    double of(Method method, long hiddenSize) {
        if (prompts) {
            return method.rewardLearningRate(hiddenSize);
        }
        return preferences == null
                ? method.learningRate(hiddenSize)
                : method.preferenceLearningRate(hiddenSize, preferences);
    }

    /** Which share it is, of preferences or rewards: the beginning of a sentence. */
    String share() {
        if (prompts) {
            return "rewards are learnt at a twentieth";
        }
        return "preferences are learnt at " + (preferences == PreferenceLoss.Kind.ORPO ? "a quarter" : "a twentieth");
    }
}
