package org.loft4j.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.PreferenceLoss;

/**
 * What the steps of a run make smaller. Of the tasks each has a loss of its own, and takes of these settings what fits it.
 *
 * @param labelSmoothing share of each target's probability that is spread over all classes or tokens in the loss of the steps, in
 *     [0, 1); evaluations are without it. Of preferences the share that is taken for turned round, below 0.5, of {@link
 *     PreferenceLoss.Kind#takesSmoothing some losses}
 * @param classWeights of a classifier, what each class weighs in the loss of the steps; evaluations are without them
 * @param preferences how preferences are learnt
 * @param matches of sentence embeddings, how texts that belong together are told from others
 */
public record LossSettings(
        double labelSmoothing, ClassWeights classWeights, PreferenceLoss preferences, MatchLoss matches) {
    public LossSettings {
        Checks.fraction("label_smoothing_factor", labelSmoothing);
    }

    /** Each loss as it is where nothing else is asked for. */
    public static LossSettings defaults() {
        return new LossSettings(0, ClassWeights.EQUAL, PreferenceLoss.DPO, MatchLoss.USUAL);
    }

    public LossSettings withLabelSmoothing(double share) {
        return new LossSettings(share, classWeights, preferences, matches);
    }

    public LossSettings withClassWeights(ClassWeights weights) {
        return new LossSettings(labelSmoothing, weights, preferences, matches);
    }

    public LossSettings withPreferences(PreferenceLoss loss) {
        return new LossSettings(labelSmoothing, classWeights, loss, matches);
    }

    public LossSettings withMatches(MatchLoss loss) {
        return new LossSettings(labelSmoothing, classWeights, preferences, loss);
    }

    /** What is wrong with the settings where numbers are learnt and not classes; null for nothing. */
    public @Nullable String problemOfRegression() {
        return problemOfSmoothing("a regression learns numbers");
    }

    /** The same where preferences are learnt. */
    public @Nullable String problemOfPreferences() {
        if (labelSmoothing > 0 && !preferences.kind().takesSmoothing()) {
            return "label_smoothing_factor is " + labelSmoothing + ", and loss_type "
                    + preferences.kind().word()
                    + " takes no preferences for turned round: leave it out, or take sigmoid or simpo";
        }
        return labelSmoothing >= 0.5
                ? "label_smoothing_factor of preferences must be below 0.5, where half of them would be turned round, got "
                        + labelSmoothing
                : null;
    }

    /** The same where sentence embeddings are learnt. */
    public @Nullable String problemOfEmbeddings() {
        return problemOfSmoothing("sentence embeddings have no classes");
    }

    /** The same where a text may have several labels. */
    public @Nullable String problemOfMultiLabel() {
        return problemOfSmoothing("where a text may have several labels none of them excludes the others");
    }

    private @Nullable String problemOfSmoothing(String reason) {
        return labelSmoothing > 0
                ? "label_smoothing_factor is " + labelSmoothing + ", and " + reason
                        + ": there are no other classes to spread a target over; leave it out"
                : null;
    }

    /** The settings by name, for the record of the run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("label_smoothing_factor", labelSmoothing);
        map.put(ClassWeights.KEY, classWeights.words());
        map.putAll(preferences.toMap());
        map.putAll(matches.toMap());
        return map;
    }
}
