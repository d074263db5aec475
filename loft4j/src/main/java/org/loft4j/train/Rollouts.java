package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.Advantages;
import org.loft4j.data.Batch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PromptBatch;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.TokenDraw;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.train.AnswerJudge.Given;
import org.loft4j.train.AnswerJudge.Judged;

/**
 * Has prompts answered by the model as it is in training, judges the answers, and makes of them what a step learns
 * ({@link GrpoLoss}). Answers are a function of the weights, the seed and the step alone. The caller has switched dropout off.
 */
public final class Rollouts implements AutoCloseable {
    private final Model model;
    private final Trainable trainable;
    private final TrainData data;
    private final AnswerJudge judge;
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
        this.loss = config.loss().rewards();
        this.judge = new AnswerJudge(model, judging, loss.maxCompletionLength());
        this.seed = config.seed();
        this.evalBatchSize = config.evalBatchSize();
        this.reference = loss.beta() > 0 ? new ReferenceWeights(trainable) : null;
    }

    /**
     * What a step learns.
     *
     * @param batches as many as there were batches of prompts, for {@link Trainer#step}
     * @param answers what was answered, those to a prompt together
     * @param scores what there is to tell of the answers, by name: {@code reward}, {@code reward_std}, {@code reward_NAME} of several,
     *     {@code frac_reward_zero_std}, {@code completion_length}, {@code clipped_ratio}
     * @param policyLoss the loss of the step without the divergence
     */
    public record Step(
            List<Batch> batches, List<RewardedAnswer> answers, Map<String, Double> scores, double policyLoss) {
        public Step {
            batches = List.copyOf(batches);
            answers = List.copyOf(answers);
            scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
        }
    }

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
            answers.addAll(judge.answered(
                    rows, asked, answers.size(), loss.draw(), Seeds.derive(seed, "answers", step), givenUp));
        }
        Judged judged = judge.judged(answers, givenUp);
        if (judged == null) {
            return null;
        }
        double[] advantages = loss.advantages(judged.sums());
        int[] tokens =
                judged.answers().stream().mapToInt(given -> given.ids().length).toArray();
        return new Step(
                batches(prompts, judged.answers(), advantages),
                judged.told(advantages),
                judged.scores(loss.generations()),
                loss.policyLoss(advantages, tokens));
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
                return trainable.gradients().tokenLogProbabilities(loss, BatchTensors.of(batch, model), 0);
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
     * @param listener hears the answers
     * @return loss is the mean reward with a minus, for less of it is better; null if it was given up
     */
    RunJudge.@Nullable Told evaluate(
            PromptDataset held, BooleanSupplier givenUp, Evaluator.Progress progress, AnswerJudge.Listener listener)
            throws IOException {
        long start = System.nanoTime();
        Judged judged = judge.judged(held, evalBatchSize, TokenDraw.LIKELIEST, seed, givenUp, progress);
        if (judged == null) {
            return null;
        }
        listener.heard(judged.told(null));
        Map<String, Double> scores = judged.scores(1);
        double seconds = (System.nanoTime() - start) / 1e9;
        Evaluation plain =
                new Evaluation(0.0 - scores.getOrDefault("reward", Double.NaN), scores, held.size(), seconds);
        return new RunJudge.Told(plain, plain.withScores(judged.scoresWithErrors()));
    }

    @Override
    public void close() {
        if (reference != null) {
            reference.close();
        }
    }
}
