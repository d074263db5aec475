package org.loft4j.train;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.loft4j.data.Examples;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/** Whether prompts and rewards fit each other: those need these, and these those. */
final class RewardCheck {
    private RewardCheck() {}

    static void check(List<String> problems, Model model, TrainData data, TrainConfig config) {
        LossSettings loss = config.loss();
        Rewards rewards = data.rewards();
        boolean judges = rewards != null && !rewards.all().isEmpty();
        if (!(data.train() instanceof PromptDataset)) {
            if (rewards != null) {
                problems.add(
                        "rewards judge the answers to prompts, and the training data holds none (PromptDataset): give rows"
                                + " of format reward, or leave the rewards out");
            } else if (model.task() == Task.CAUSAL_LM) {
                problems.addAll(loss.problemsWithoutRewards());
            }
            return;
        }
        if (!judges) {
            problems.add(
                    "the training data holds prompts, and no reward judges the answers to them: name one (--reward,"
                            + " TrainData.withRewards), or give rows with their answers");
        }
        if (data.eval() != null && !(data.eval() instanceof PromptDataset)) {
            problems.add(
                    "the training data holds prompts for rewards, and the evaluation data does not: both must be of one kind");
        }
        if (loss.labelSmoothing() > 0) {
            problems.add("label_smoothing_factor is " + loss.labelSmoothing()
                    + ", and answers that rewards judge are no targets to be smoothed: leave it out");
        }
        if (loss.rewards().beta() > 0 && !config.method().usesAdapter()) {
            problems.add(ReferenceWeights.NO_COPY);
        }
        for (Examples prompts : Stream.of(data.train(), data.eval())
                .filter(PromptDataset.class::isInstance)
                .map(PromptDataset.class::cast)
                .toList()) {
            long longest = (long) Arrays.stream(prompts.lengths()).max().orElse(0)
                    + loss.rewards().maxCompletionLength();
            if (longest > model.description().maxPositions()) {
                problems.add("the longest prompt and max_completion_length are " + longest
                        + " tokens together, but the model was made for "
                        + model.description().maxPositions() + ": lower one of them");
            }
        }
    }
}
