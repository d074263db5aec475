package org.loft4j.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.model.TrainedRewards;
import org.loft4j.nn.Model;
import org.loft4j.nn.PromptSampler;

/**
 * What makes answers while a model learns, and what judges them: an answer's reward is the sum of all, each times its weight.
 *
 * @param sampler makes answers with the model that is trained: {@code Generator::of}
 * @param all that judge, one at least for a training
 * @param logged whether a run writes the answers of steps that are logged, and of evaluations, to {@link #COMPLETIONS}
 */
public record Rewards(Function<Model, PromptSampler> sampler, List<Named> all, boolean logged) {
    /** The file in the run's directory that has the answers, one JSON object a line. */
    public static final String COMPLETIONS = "completions.jsonl";

    /**
     * One of those that judge.
     *
     * @param name under which its mean is told, {@code reward_NAME}
     * @param description by which a run that goes on knows it, and which the model card has
     * @param weight finite
     */
    public record Named(String name, String description, double weight, Reward reward) {
        public Named {
            // the deviation of the sum is reward_std
            if (!name.matches("[a-z][a-z0-9_]*") || name.equals("std")) {
                throw new ConfigException(
                        "the name of a reward must be of lower-case letters, digits and underscores, and"
                                + " other than std, got " + name);
            }
            Objects.requireNonNull(reward, () -> "reward " + name + " is null");
            if (!Double.isFinite(weight)) {
                throw new ConfigException("the weight of reward " + name + " must be a finite number, got " + weight);
            }
        }
    }

    /** @throws ConfigException if two have one name */
    public Rewards {
        all = List.copyOf(all);
        if (all.stream().map(Named::name).distinct().count() < all.size()) {
            throw new ConfigException("rewards must have different names, got "
                    + all.stream().map(Named::name).collect(Collectors.joining(", ")));
        }
    }

    /** Answers that nothing judges yet. */
    public static Rewards of(Function<Model, PromptSampler> sampler) {
        return new Rewards(sampler, List.of(), false);
    }

    /**
     * The same with one more that judges.
     *
     * @param description what it judges by: a run goes on with that alone
     */
    public Rewards with(String name, String description, double weight, Reward reward) {
        List<Named> more = new ArrayList<>(all);
        more.add(new Named(name, description, weight, reward));
        return new Rewards(sampler, more, logged);
    }

    /** The same with one more, of which no more is known than its name. */
    public Rewards with(String name, double weight, Reward reward) {
        return with(name, name, weight, reward);
    }

    /** The same with one more, of weight 1. */
    public Rewards with(String name, Reward reward) {
        return with(name, 1, reward);
    }

    /** The same with answers that are written down, or not. */
    public Rewards withLogged(boolean written) {
        return new Rewards(sampler, all, written);
    }

    /** What is left word of beside what was trained. */
    TrainedRewards trained(int maxCompletionLength) {
        return new TrainedRewards(
                all.stream().map(Named::description).toList(),
                all.stream().map(Named::weight).toList(),
                maxCompletionLength);
    }

    /** Descriptions and weights, in words: {@code exact × 5.0, regex:[a-z] × 1.0}. */
    public String described() {
        return all.stream().map(one -> one.description() + " × " + one.weight()).collect(Collectors.joining(", "));
    }
}
