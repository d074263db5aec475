package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.data.AnswerText;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.TokenDraw;

/** Has prompts answered by a model as it is, and the answers judged by rewards. The caller has switched dropout off. */
public final class AnswerJudge {
    /** Of numbers up to here the squares of as many as there are can be added. */
    private static final double MOST = 1e100;

    private static final String USABLE = "a number from −1e100 to 1e100";

    private final List<Rewards.Named> rewards;
    private final PromptSampler sampler;
    private final int maxCompletionLength;

    /** @param maxCompletionLength tokens of an answer at most, at least 1 */
    public AnswerJudge(Model model, Rewards rewards, int maxCompletionLength) {
        Checks.atLeast("max_completion_length", maxCompletionLength, 1);
        this.rewards = rewards.all();
        this.sampler = rewards.sampler().apply(model);
        this.maxCompletionLength = maxCompletionLength;
    }

    /** An answer in tokens and as a text. */
    record Given(PromptDataset.Prompt prompt, long[] ids, String text, boolean ended) {
        private Reward.Answer told() {
            return new Reward.Answer(prompt.row().text(), text, prompt.row().columns());
        }
    }

    /** Hears what was answered, once it is judged. */
    @FunctionalInterface
    interface Listener {
        void heard(List<RewardedAnswer> answers) throws IOException;
    }

    /**
     * Answers, judged.
     *
     * @param rewards that have judged them
     * @param each of each reward the numbers of the answers
     * @param sums of all rewards
     */
    record Judged(List<Rewards.Named> rewards, List<Given> answers, double[][] each, double[] sums) {
        /** Batches, one behind the other. */
        private static Judged of(List<Rewards.Named> rewards, List<Judged> batches) {
            return new Judged(
                    rewards,
                    batches.stream().flatMap(batch -> batch.answers().stream()).toList(),
                    IntStream.range(0, rewards.size())
                            .mapToObj(k -> joined(batches, batch -> batch.each()[k]))
                            .toArray(double[][]::new),
                    joined(batches, Judged::sums));
        }

        private static double[] joined(List<Judged> batches, Function<Judged, double[]> numbers) {
            return batches.stream()
                    .flatMapToDouble(batch -> Arrays.stream(numbers.apply(batch)))
                    .toArray();
        }

        /** @param generations answers that each prompt has */
        Map<String, Double> scores(int generations) {
            Map<String, Double> scores = new LinkedHashMap<>();
            scores.put("reward", mean(sums));
            scores.put("reward_std", GrpoLoss.deviation(sums));
            for (int k = 0; k < rewards.size() && rewards.size() > 1; k++) {
                scores.put("reward_" + rewards.get(k).name(), mean(each[k]));
            }
            int size = sums.length;
            if (generations > 1) {
                int groups = size / generations;
                long equal = 0;
                for (int group = 0; group < groups; group++) {
                    int from = group * generations;
                    double[] own = Arrays.copyOfRange(sums, from, from + generations);
                    equal += GrpoLoss.deviation(own) == 0 ? 1 : 0;
                }
                scores.put("frac_reward_zero_std", (double) equal / groups);
            }
            scores.put(
                    "completion_length",
                    answers.stream()
                            .mapToInt(given -> given.ids().length)
                            .average()
                            .orElse(0));
            scores.put(
                    "clipped_ratio",
                    (double) answers.stream().filter(given -> !given.ended()).count() / size);
            return scores;
        }

        /** The same of single answers, and beside each mean its standard error, where there are two answers at least. */
        Map<String, Double> scoresWithErrors() {
            Map<String, Double> scores = new LinkedHashMap<>();
            scores(1).forEach((name, score) -> {
                scores.put(name, score);
                double[] judged = judgedAs(name);
                if (judged != null && judged.length > 1) {
                    scores.put(name + "_stderr", GrpoLoss.deviation(judged) / Math.sqrt(judged.length));
                }
            });
            return scores;
        }

        /** The numbers of which a score is the mean; null where it is none of rewards. */
        private double @Nullable [] judgedAs(String score) {
            if (score.equals("reward")) {
                return sums;
            }
            for (int k = 0; k < each.length; k++) {
                if (score.equals("reward_" + rewards.get(k).name())) {
                    return each[k];
                }
            }
            return null;
        }

        /** @param advantages of the answers; null where each is the only one to its prompt */
        List<RewardedAnswer> told(double @Nullable [] advantages) {
            List<RewardedAnswer> told = new ArrayList<>();
            for (int i = 0; i < sums.length; i++) {
                Map<String, Double> own = new LinkedHashMap<>();
                for (int k = 0; k < rewards.size(); k++) {
                    own.put(rewards.get(k).name(), each[k][i]);
                }
                Given given = answers.get(i);
                told.add(new RewardedAnswer(
                        given.told(),
                        own,
                        sums[i],
                        advantages == null ? null : (Double) advantages[i],
                        given.ids().length,
                        given.ended()));
            }
            return told;
        }
    }

    /**
     * Has prompts answered.
     *
     * @param first number of the first of them among all that are answered with this seed
     * @param givenUp asked at each token
     */
    List<Given> answered(
            PromptDataset rows,
            List<PromptDataset.Prompt> prompts,
            long first,
            TokenDraw draw,
            long seed,
            BooleanSupplier givenUp) {
        if (givenUp.getAsBoolean()) {
            return List.of();
        }
        List<AnswerText> texts = prompts.stream().map(rows::answerText).toList();
        List<long[]> ids = sampler.sample(
                prompts.stream().map(PromptDataset.Prompt::ids).toList(),
                first,
                maxCompletionLength,
                rows.stopIds(),
                draw,
                seed,
                (row, id) -> texts.get(row).add(id) && !givenUp.getAsBoolean());
        List<Given> given = new ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            String text = texts.get(i).finish();
            given.add(new Given(prompts.get(i), ids.get(i), text, texts.get(i).hasEnded()));
        }
        return given;
    }

    /**
     * Judges answers.
     *
     * @return null if it was given up
     * @throws org.loft4j.DataException if a reward fails, or gives no finite number, which names the row
     */
    @Nullable
    Judged judged(List<Given> answers, BooleanSupplier givenUp) throws IOException {
        double[][] each = new double[rewards.size()][answers.size()];
        double[] sums = new double[answers.size()];
        for (int i = 0; i < answers.size(); i++) {
            Given given = answers.get(i);
            Reward.Answer answer = given.told();
            for (int k = 0; k < rewards.size(); k++) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                try {
                    each[k][i] = judged(rewards.get(k), answer, given);
                } catch (IOException | RuntimeException e) {
                    // a Ctrl-C ends a program that judges, too
                    if (givenUp.getAsBoolean()) {
                        return null;
                    }
                    throw e;
                }
                sums[i] += rewards.get(k).weight() * each[k][i];
            }
            if (!isUsable(sums[i])) {
                throw given.prompt()
                        .row()
                        .origin()
                        .fault("the rewards of an answer to this prompt, each times its weight, come to " + sums[i]
                                + " (" + weighed(each, i) + "): their sum must be " + USABLE + "; lower the weights");
            }
        }
        return givenUp.getAsBoolean() ? null : new Judged(rewards, answers, each, sums);
    }

    /** Means and deviations of such numbers are finite too. */
    private static boolean isUsable(double number) {
        return Math.abs(number) <= MOST;
    }

    /** In words: {@code exact 1.0 × 5.0 + regex 0.0 × 1.0}. */
    private String weighed(double[][] each, int answer) {
        return IntStream.range(0, each.length)
                .mapToObj(k -> rewards.get(k).name() + " " + each[k][answer] + " × "
                        + rewards.get(k).weight())
                .collect(Collectors.joining(" + "));
    }

    private static double judged(Rewards.Named reward, Reward.Answer answer, Given given) throws IOException {
        double number;
        try {
            number = reward.reward().of(answer);
        } catch (Exception | AssertionError | LinkageError e) {
            // of any kind: a reward in another language may throw what its signature does not tell
            if (e instanceof InterruptedException || e.getCause() instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            IOException fault = given.prompt()
                    .row()
                    .origin()
                    .fault("reward " + reward.name() + " failed on an answer to this prompt: "
                            + (e.getMessage() == null ? e.toString() : e.getMessage()));
            fault.initCause(e);
            throw fault;
        }
        if (!isUsable(number)) {
            throw given.prompt()
                    .row()
                    .origin()
                    .fault("reward " + reward.name() + " gave " + number + " for an answer to this prompt: it must be "
                            + USABLE);
        }
        return number;
    }

    /**
     * Judges a model by its answers to held-out prompts, one each.
     *
     * @param batchSize prompts that are answered at once
     * @param seed of what is drawn
     * @return {@code reward}, of several rewards {@code reward_NAME} of each, with the standard error of each mean ({@code reward_stderr})
     *     where there are two prompts at least, {@code reward_std}, {@code completion_length} and {@code clipped_ratio}; loss is the mean
     *     reward with a minus
     * @throws org.loft4j.DataException if a reward fails, or gives no finite number, which names the row
     */
    public Evaluation evaluate(PromptDataset held, int batchSize, TokenDraw draw, long seed) throws IOException {
        Checks.atLeast("number of prompts at once", batchSize, 1);
        long start = System.nanoTime();
        Judged judged = Objects.requireNonNull(judged(held, batchSize, draw, seed, () -> false, (done, all) -> {}));
        double seconds = (System.nanoTime() - start) / 1e9;
        return new Evaluation(0.0 - mean(judged.sums()), judged.scoresWithErrors(), held.size(), seconds);
    }

    /**
     * Judges answers to held-out prompts, one each, batch by batch: a reward that fails does so before all are answered.
     *
     * @param batchSize prompts that are answered at once
     * @param givenUp asked at each token
     * @return null if it was given up
     */
    @Nullable
    Judged judged(
            PromptDataset held,
            int batchSize,
            TokenDraw draw,
            long seed,
            BooleanSupplier givenUp,
            Evaluator.Progress progress)
            throws IOException {
        List<Judged> batches = new ArrayList<>();
        for (int from = 0; from < held.size(); from += batchSize) {
            progress.judged(from, held.size());
            int[] indices = IntStream.range(from, Math.min(held.size(), from + batchSize))
                    .toArray();
            Judged batch = judged(answered(held, held.batch(indices, 0).prompts(), from, draw, seed, givenUp), givenUp);
            if (batch == null) {
                return null;
            }
            batches.add(batch);
        }
        return Judged.of(rewards, batches);
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).sum() / values.length;
    }
}
