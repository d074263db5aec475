package org.loft4j.train;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

/**
 * What a run learns from and is judged by.
 *
 * @param train rows to learn from
 * @param eval held-out rows; null for none
 * @param padId token id that fills up short rows
 * @param maxLength length in tokens to which rows were cut, which a resume must have too; of no meaning for images
 * @param metrics scores of one's own beside the task's, by name
 * @param rewards what answers and what judges the rows of a {@link org.loft4j.data.PromptDataset}; null for all else
 */
public record TrainData(
        TrainingSet train,
        @Nullable Examples eval,
        long padId,
        int maxLength,
        Map<String, Metric> metrics,
        @Nullable Rewards rewards) {
    public TrainData {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
        Checks.atLeast("pad_token_id", padId, 0);
        Checks.atLeast("max_length", maxLength, 1);
        if (train.rows() == 0) {
            throw new ConfigException("the training data has no row");
        }
        if (eval != null && eval.size() == 0) {
            throw new ConfigException("the evaluation data has no row; leave it out to train without evaluation");
        }
    }

    /** Data that is judged by the scores of its task. */
    public TrainData(TrainingSet train, @Nullable Examples eval, long padId, int maxLength) {
        this(train, eval, padId, maxLength, Map.of(), null);
    }

    /** The same with what answers prompts, and what judges the answers. */
    public TrainData withRewards(Rewards judging) {
        return new TrainData(train, eval, padId, maxLength, metrics, judging);
    }

    /**
     * The same with a score of one's own.
     *
     * @param name of lower-case letters, digits and underscores; not that of another score of any task, nor {@code seconds}, nor with {@code reward_} before
     */
    public TrainData withMetric(String name, Metric metric) {
        // under eval_seconds the log says how long an evaluation took
        boolean taken = Evaluation.names(name) || metrics.containsKey(name) || name.equals("seconds");
        if (taken || !name.matches("[a-z][a-z0-9_]*")) {
            throw new ConfigException(
                    "the name of a metric must be new, of lower-case letters, digits and underscores, got " + name
                            + (taken ? ", which is taken" : ""));
        }
        Map<String, Metric> more = new LinkedHashMap<>(metrics);
        more.put(name, metric);
        return new TrainData(train, eval, padId, maxLength, more, rewards);
    }

    /** An evaluation with the scores of {@link #metrics} behind those of the task. */
    Evaluation measured(Model model, Evaluation evaluation) throws IOException {
        if (metrics.isEmpty()) {
            return evaluation;
        }
        Map<String, Double> scores = new LinkedHashMap<>(evaluation.scores());
        try (NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            for (Map.Entry<String, Metric> metric : metrics.entrySet()) {
                scores.put(metric.getKey(), measured(metric.getKey(), metric.getValue(), model, evaluation));
            }
        }
        return evaluation.withScores(scores);
    }

    private static double measured(String name, Metric metric, Model model, Evaluation evaluation) throws IOException {
        try {
            return metric.measure(model, evaluation);
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            // one in another language may throw what its signature does not tell
            throw new IOException("metric " + name + " failed: " + e, e);
        }
    }
}
