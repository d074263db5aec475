package org.loft4j.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/**
 * What the steps of a run make smaller. Of the tasks each has a loss of its own, and takes of these settings what fits it.
 *
 * @param labelSmoothing share of each target's probability that is spread over all classes or tokens in the loss of the steps, in
 *     [0, 1); evaluations are without it. Of preferences the share that is taken for turned round, below 0.5, of {@link
 *     PreferenceLoss.Kind#takesSmoothing some losses}
 * @param classWeights of a classifier, what each class weighs in the loss of the steps; evaluations are without them
 * @param preferences how preferences are learnt
 * @param matches of sentence embeddings, how texts that belong together are told from others
 * @param rewards how answers are learnt that a reward has judged
 */
public record LossSettings(
        double labelSmoothing,
        ClassWeights classWeights,
        PreferenceLoss preferences,
        MatchLoss matches,
        GrpoLoss rewards) {
    public LossSettings {
        Checks.fraction("label_smoothing_factor", labelSmoothing);
    }

    /** Each loss as it is where nothing else is asked for. */
    public static LossSettings defaults() {
        return new LossSettings(0, ClassWeights.EQUAL, PreferenceLoss.DPO, MatchLoss.USUAL, GrpoLoss.USUAL);
    }

    public LossSettings withLabelSmoothing(double share) {
        return new LossSettings(share, classWeights, preferences, matches, rewards);
    }

    public LossSettings withClassWeights(ClassWeights weights) {
        return new LossSettings(labelSmoothing, weights, preferences, matches, rewards);
    }

    public LossSettings withPreferences(PreferenceLoss loss) {
        return new LossSettings(labelSmoothing, classWeights, loss, matches, rewards);
    }

    public LossSettings withMatches(MatchLoss loss) {
        return new LossSettings(labelSmoothing, classWeights, preferences, loss, rewards);
    }

    public LossSettings withRewards(GrpoLoss loss) {
        return new LossSettings(labelSmoothing, classWeights, preferences, matches, loss);
    }

    /**
     * What of the settings has no meaning for a task.
     *
     * @param regression whether numbers are learnt, and not classes
     * @param multiLabel whether a text may have several labels
     * @return a line each; none if all is well
     */
    public List<String> problems(Task task, boolean regression, boolean multiLabel) {
        List<String> problems = new ArrayList<>();
        String noClasses = regression
                ? "a single output is a number"
                : multiLabel
                        ? "where a text may have several labels none of them excludes the others"
                        : task == Task.SENTENCE_EMBEDDING ? "sentence embeddings have no classes" : null;
        if (labelSmoothing > 0 && noClasses != null) {
            problems.add("label_smoothing_factor is " + labelSmoothing + ", and " + noClasses
                    + ": there are no other classes to spread a target over; leave it out");
        }
        String weights = classWeights.problem(task, regression);
        if (weights != null) {
            problems.add(weights);
        }
        if (task != Task.CAUSAL_LM) {
            String other = ", and the task is " + task.word() + ": leave it out";
            problems.addAll(ofPreferences(other));
            problems.addAll(ofRewards(other));
        }
        if (task != Task.SENTENCE_EMBEDDING) {
            problems.addAll(ofMatches(task));
        }
        return problems;
    }

    /** What of them has no meaning where no preferences are learnt. */
    List<String> problemsWithoutPreferences() {
        return ofPreferences(", and the training data holds none: leave it out, or give rows with "
                + (preferences.kind() == PreferenceLoss.Kind.KTO
                        ? "\"prompt\", \"completion\" and \"label\""
                        : "\"chosen\" and \"rejected\""));
    }

    /** What of them has no meaning where no reward judges answers. */
    List<String> problemsWithoutRewards() {
        return ofRewards(", and none judges answers to the training data: leave it out, or give prompts and a reward");
    }

    private List<String> ofRewards(String why) {
        Map<String, Object> usual = GrpoLoss.USUAL.toMap();
        return rewards.toMap().entrySet().stream()
                .filter(setting -> !setting.getValue().equals(usual.get(setting.getKey())))
                .map(setting -> setting.getKey() + " is of rewards" + why)
                .toList();
    }

    private List<String> ofPreferences(String why) {
        if (preferences.equals(PreferenceLoss.DPO)) {
            return List.of();
        }
        // another loss has other numbers
        PreferenceLoss usual = PreferenceLoss.of(preferences.kind());
        String setting = preferences.kind() != PreferenceLoss.DPO.kind()
                ? "loss_type"
                : preferences.beta() != usual.beta() ? "beta" : "sft_weight";
        return List.of(setting + " is of preferences" + why);
    }

    private List<String> ofMatches(Task task) {
        List<String> problems = new ArrayList<>();
        String none = " of sentence embeddings, and the task is " + task.word() + ": leave";
        String rows =
                " out, or take task " + Task.SENTENCE_EMBEDDING.word() + " and rows with \"anchor\" and \"positive\"";
        if (matches.scale() != MatchLoss.SCALE) {
            problems.add("similarity_scale is" + none + " it" + rows);
        }
        if (!matches.lengths().isEmpty()) {
            problems.add(MatchLoss.MATRYOSHKA + " are" + none + " them" + rows);
        }
        return problems;
    }

    /** What is wrong with the label smoothing where preferences are learnt; null for nothing. */
    @Nullable
    String problemOfPreferences() {
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

    /** The settings by name, for the record of the run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("label_smoothing_factor", labelSmoothing);
        map.put(ClassWeights.KEY, classWeights.words());
        map.putAll(preferences.toMap());
        map.putAll(matches.toMap());
        map.putAll(rewards.toMap());
        return map;
    }
}
