package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.Advantages;
import org.loft4j.data.AnswerText;
import org.loft4j.data.Batch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PromptBatch;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PromptSampler;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;

/**
 * Has prompts answered by the model as it is in training, judges the answers, and makes of them what a step learns
 * ({@link GrpoLoss}). Answers are a function of the weights, the seed and the step alone. The caller has switched dropout off.
 */
public final class Rollouts implements AutoCloseable {
    private final Model model;
    private final Trainable trainable;
    private final TrainData data;
    private final Rewards rewards;
    private final PromptSampler sampler;
    private final GrpoLoss loss;
    private final long seed;
    private final int evalBatchSize;
    private final @Nullable ReferenceWeights reference;

    /**
     * Of a new adapter, or one that a run goes on from: what it is now is what answers are set against, where the loss does so.
     *
     * @param data prompts, with their rewards
     * @throws ConfigException if there are none
     */
    public Rollouts(Model model, Trainable trainable, TrainData data, TrainConfig config) {
        Rewards judging = data.rewards();
        if (judging == null) {
            throw new ConfigException("answers are judged by rewards, and the data brings none: TrainData.withRewards");
        }
        this.model = model;
        this.trainable = trainable;
        this.data = data;
        this.rewards = judging;
        this.sampler = judging.sampler().apply(model);
        this.loss = config.loss().rewards();
        this.seed = config.seed();
        this.evalBatchSize = config.evalBatchSize();
        this.reference = loss.beta() > 0 ? new ReferenceWeights(trainable) : null;
    }

    /**
     * What a step learns.
     *
     * @param batches as many as there were batches of prompts, for {@link Trainer#step}
     * @param scores what there is to tell of the answers, by name: {@code reward}, {@code reward_std}, {@code reward_NAME} of several,
     *     {@code frac_reward_zero_std}, {@code completion_length}, {@code clipped_ratio}
     * @param policyLoss the loss of the step without the divergence
     */
    public record Step(List<Batch> batches, Map<String, Double> scores, double policyLoss) {
        public Step {
            batches = List.copyOf(batches);
            scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
        }
    }

    /** An answer in tokens and as a text. */
    private record Given(PromptDataset.Prompt prompt, long[] ids, String text, boolean ended) {}

    /**
     * Answers, judged.
     *
     * @param each of each reward the numbers of the answers
     * @param sums of all rewards
     */
    private record Judged(List<Given> answers, double[][] each, double[] sums) {}

    /**
     * Has the prompts of a step answered, each as often as the loss says, and judges the answers.
     *
     * @param prompts batches of a {@link PromptDataset}
     * @param step number of steps taken before
     * @param givenUp asked at each token
     * @return null if it was given up: nothing has changed
     * @throws org.loft4j.DataException if a reward fails, or gives no finite number, which names the row
     */
    public @Nullable Step take(List<? extends MiniBatch> prompts, long step, BooleanSupplier givenUp)
            throws IOException {
        PromptDataset rows = (PromptDataset) data.train();
        List<Given> answers = new ArrayList<>();
        for (MiniBatch batch : prompts) {
            List<PromptDataset.Prompt> asked = new ArrayList<>();
            for (PromptDataset.Prompt prompt : ((PromptBatch) batch).prompts()) {
                asked.addAll(Collections.nCopies(loss.generations(), prompt));
            }
            answers.addAll(answered(rows, asked, answers.size(), 1, Seeds.derive(seed, "answers", step), givenUp));
        }
        Judged judged = judged(answers, givenUp);
        if (judged == null) {
            return null;
        }
        double[] advantages = loss.advantages(judged.sums());
        int[] tokens =
                judged.answers().stream().mapToInt(given -> given.ids().length).toArray();
        return new Step(
                batches(prompts, judged.answers(), advantages),
                scores(judged, true),
                loss.policyLoss(advantages, tokens));
    }

    private List<Given> answered(
            PromptDataset rows,
            List<PromptDataset.Prompt> prompts,
            long first,
            double temperature,
            long drawn,
            BooleanSupplier givenUp) {
        if (givenUp.getAsBoolean()) {
            return List.of();
        }
        List<AnswerText> texts = prompts.stream().map(rows::answerText).toList();
        List<long[]> ids = sampler.sample(
                prompts.stream().map(PromptDataset.Prompt::ids).toList(),
                first,
                loss.maxCompletionLength(),
                rows.stopIds(),
                temperature,
                drawn,
                (row, id) -> texts.get(row).add(id) && !givenUp.getAsBoolean());
        List<Given> given = new ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            String text = texts.get(i).finish();
            given.add(new Given(prompts.get(i), ids.get(i), text, texts.get(i).hasEnded()));
        }
        return given;
    }

    private @Nullable Judged judged(List<Given> answers, BooleanSupplier givenUp) throws IOException {
        List<Rewards.Named> all = rewards.all();
        double[][] each = new double[all.size()][answers.size()];
        double[] sums = new double[answers.size()];
        for (int i = 0; i < answers.size(); i++) {
            Given given = answers.get(i);
            Reward.Answer answer = new Reward.Answer(
                    given.prompt().row().text(),
                    given.text(),
                    given.prompt().row().columns());
            for (int k = 0; k < all.size(); k++) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                try {
                    each[k][i] = judged(all.get(k), answer, given);
                } catch (IOException | RuntimeException e) {
                    // a Ctrl-C ends a program that judges, too
                    if (givenUp.getAsBoolean()) {
                        return null;
                    }
                    throw e;
                }
                sums[i] += all.get(k).weight() * each[k][i];
            }
        }
        return givenUp.getAsBoolean() ? null : new Judged(answers, each, sums);
    }

    private static double judged(Rewards.Named reward, Reward.Answer answer, Given given) throws IOException {
        double number;
        try {
            number = reward.reward().of(answer);
        } catch (IOException | RuntimeException e) {
            IOException fault = given.prompt()
                    .row()
                    .origin()
                    .fault("reward " + reward.name() + " failed on an answer to this prompt: "
                            + (e.getMessage() == null ? e.toString() : e.getMessage()));
            fault.initCause(e);
            throw fault;
        }
        if (!Double.isFinite(number)) {
            throw given.prompt()
                    .row()
                    .origin()
                    .fault("reward " + reward.name() + " gave " + number
                            + " for an answer to this prompt: it must be a finite number");
        }
        return number;
    }

    /** As many answers in each as its prompts have. */
    private List<Batch> batches(List<? extends MiniBatch> prompts, List<Given> answers, double[] advantages) {
        List<Batch> batches = new ArrayList<>();
        int first = 0;
        for (MiniBatch batch : prompts) {
            int end = first + batch.rows() * loss.generations();
            List<Given> some = answers.subList(first, end);
            double[] own = Arrays.copyOfRange(advantages, first, end);
            batches.add(withReference(
                    Batch.ofAnswers(
                            some.stream().map(given -> given.prompt().ids()).toList(),
                            some.stream().map(Given::ids).toList(),
                            new Advantages(own, null),
                            data.padId()),
                    some,
                    own));
            first = end;
        }
        return batches;
    }

    private Batch withReference(Batch batch, List<Given> answers, double[] advantages) {
        if (reference == null) {
            return batch;
        }
        double[] tokens = reference.look(() -> {
            try (NativeScope scope = new NativeScope()) {
                return trainable.gradients().tokenLogProbabilities(BatchTensors.of(batch, model), 0);
            }
        });
        double[][] ofRows = new double[answers.size()][];
        int at = 0;
        for (int row = 0; row < ofRows.length; row++) {
            int end = at + answers.get(row).ids().length;
            ofRows[row] = Arrays.copyOfRange(tokens, at, end);
            at = end;
        }
        return batch.with(new Advantages(advantages, ofRows));
    }

    /** @param grouped whether each prompt has several answers */
    private Map<String, Double> scores(Judged judged, boolean grouped) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("reward", mean(judged.sums()));
        scores.put("reward_std", GrpoLoss.deviation(judged.sums()));
        List<Rewards.Named> all = rewards.all();
        for (int k = 0; k < all.size() && all.size() > 1; k++) {
            scores.put("reward_" + all.get(k).name(), mean(judged.each()[k]));
        }
        int size = judged.sums().length;
        if (grouped) {
            int groups = size / loss.generations();
            long equal = 0;
            for (int group = 0; group < groups; group++) {
                int from = group * loss.generations();
                double[] own = Arrays.copyOfRange(judged.sums(), from, from + loss.generations());
                equal += GrpoLoss.deviation(own) == 0 ? 1 : 0;
            }
            scores.put("frac_reward_zero_std", (double) equal / groups);
        }
        scores.put(
                "completion_length",
                judged.answers().stream()
                        .mapToInt(given -> given.ids().length)
                        .average()
                        .orElse(0));
        scores.put(
                "clipped_ratio",
                (double) judged.answers().stream()
                                .filter(given -> !given.ended())
                                .count()
                        / size);
        return scores;
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).sum() / values.length;
    }

    /**
     * What there is to tell of a step that was learnt: where β is above 0 also {@code kl}, the divergence of the model from what it was,
     * as the loss has weighed it.
     *
     * @param total the loss of the step
     */
    public Map<String, Double> scores(Step step, double total) {
        Map<String, Double> scores = new LinkedHashMap<>(step.scores());
        if (loss.beta() > 0) {
            scores.put("kl", (total - step.policyLoss()) / loss.beta());
        }
        return scores;
    }

    /**
     * Judges the likeliest answers to held-out prompts, one each.
     *
     * @param givenUp asked at each token
     * @return loss is the mean reward with a minus, for less of it is better; null if it was given up
     */
    @Nullable
    Evaluation evaluate(PromptDataset held, BooleanSupplier givenUp, Evaluator.Progress progress) throws IOException {
        long start = System.nanoTime();
        List<Given> answers = new ArrayList<>();
        for (int from = 0; from < held.size(); from += evalBatchSize) {
            progress.judged(from, held.size());
            int[] indices = IntStream.range(from, Math.min(held.size(), from + evalBatchSize))
                    .toArray();
            answers.addAll(answered(held, held.batch(indices, data.padId()).prompts(), from, 0, seed, givenUp));
        }
        Judged judged = judged(answers, givenUp);
        if (judged == null) {
            return null;
        }
        Map<String, Double> scores = scores(judged, false);
        double seconds = (System.nanoTime() - start) / 1e9;
        return new Evaluation(-mean(judged.sums()), scores, held.size(), seconds);
    }

    @Override
    public void close() {
        if (reference != null) {
            reference.close();
        }
    }
}
