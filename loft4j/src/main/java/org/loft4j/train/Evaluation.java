package org.loft4j.train;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/**
 * The result of one pass over held-out data.
 *
 * @param loss mean over examples (classification) or target tokens (language model), in nats; of a regression the mean squared
 *     error
 * @param scores what else the task says, by name: {@code accuracy}, {@code macro_f1}, {@code matthews}; of entities,
 *     or of the second of two classes, {@code precision}, {@code recall}, {@code f1}, and of that {@code roc_auc}; of a regression {@code pearson}, {@code spearmanr},
 *     {@code mse}; of sentence embeddings {@code accuracy_at_1}, {@code recall_at_10}, {@code mrr_at_10} ({@code RetrievalScore}); of texts to rank {@code accuracy}, {@code mrr}, {@code margin} ({@code RankingScore}); of preferences {@code accuracy}, {@code margin}, {@code reward_chosen}, {@code reward_rejected}, and {@code kl} where answers are judged one by one; of prompts {@code reward}, {@code reward_std}, of several rewards each one's, {@code completion_length}, {@code clipped_ratio}; of texts that may have several labels {@code accuracy} (of whole sets), {@code micro_f1}, {@code macro_f1}, {@code micro_roc_auc}, {@code macro_roc_auc}; or {@code perplexity}, {@code token_accuracy}
 * @param count number of examples or target tokens behind the loss
 * @param seconds that the pass took
 * @param confusion of a classifier: which class was taken for which; null otherwise
 * @param labels where a text may have several labels what was told of each; null otherwise
 */
public record Evaluation(
        double loss,
        Map<String, Double> scores,
        long count,
        double seconds,
        @Nullable ConfusionMatrix confusion,
        @Nullable MultiLabelScore labels) {
    /** The scores of all tasks, each of which can choose the best evaluation; {@link #metrics(Model)} says which a model has. */
    public static final List<String> METRICS = List.of(
            "loss",
            "accuracy",
            "macro_f1",
            "micro_f1",
            "matthews",
            "perplexity",
            "token_accuracy",
            "precision",
            "recall",
            "f1",
            "roc_auc",
            "micro_roc_auc",
            "macro_roc_auc",
            "pearson",
            "spearmanr",
            "mse",
            "margin",
            "mrr",
            "reward",
            "accuracy_at_1",
            "recall_at_10",
            "mrr_at_10");

    /** Those of which a smaller value is better. */
    public static final Set<String> ERRORS = Set.of("loss", "perplexity", "mse", "reward_rejected", "kl");

    /** Values that are told beside {@link #METRICS}, and choose nothing; of answers also what begins with {@code reward_}. */
    private static final Set<String> ASIDE = Set.of("kl", "completion_length", "clipped_ratio", "frac_reward_zero_std");

    private static final Set<String> ENTITY_SCORES = Set.of("precision", "recall", "f1");

    public Evaluation {
        scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }

    /** Whether a task has a value of that name. */
    static boolean names(String name) {
        return METRICS.contains(name) || ASIDE.contains(name) || name.startsWith("reward_");
    }

    /** Whether a larger value of the metric is better. */
    public static boolean largerIsBetter(String metric) {
        return !ERRORS.contains(metric);
    }

    /**
     * The value by which this evaluation is compared with others; NaN where the loss is: a class that is told for want of numbers may
     * be a frequent one.
     */
    double deciding(String metric) {
        return Double.isNaN(loss) ? Double.NaN : values().getOrDefault(metric, Double.NaN);
    }

    /** The names of the values by which an evaluation of preferences can be chosen. */
    public static final List<String> OF_PREFERENCES = List.of("loss", "accuracy", "margin");

    /** The names of the values by which an evaluation of prompts can be chosen, whose loss is the mean reward with a minus. */
    public static final List<String> OF_REWARDS = List.of("loss", "reward");

    /** The names of all values of an evaluation of texts to rank. */
    public static final List<String> OF_RANKINGS = List.of("loss", "accuracy", "mrr", "margin");

    /** The names of the values of an evaluation of a model by such rows, by which it can be chosen. */
    public static List<String> metrics(Model model, @Nullable TrainingSet rows) {
        if (rows != null && rows.isRanked()) {
            return OF_RANKINGS;
        }
        if (rows instanceof PromptDataset) {
            return OF_REWARDS;
        }
        return rows != null && rows.hasPreferences() ? OF_PREFERENCES : metrics(model);
    }

    /** The names of all values that an evaluation of a model has; of preferences {@link #OF_PREFERENCES}, of texts to rank {@link #OF_RANKINGS}. */
    public static List<String> metrics(Model model) {
        return switch (model.task()) {
            case SENTENCE_EMBEDDING -> List.of("loss", "accuracy_at_1", "recall_at_10", "mrr_at_10");
            case CAUSAL_LM, SEQ2SEQ_LM -> List.of("loss", "perplexity", "token_accuracy");
            case TOKEN_CLASSIFICATION ->
                EntityScore.fits(model.description().labels())
                        ? List.of("loss", "accuracy", "macro_f1", "precision", "recall", "f1")
                        : List.of("loss", "accuracy", "macro_f1");
            case SEQUENCE_CLASSIFICATION, IMAGE_CLASSIFICATION -> metricsOfRows(model);
        };
    }

    /** Those of a model that tells something of each row as a whole. */
    private static List<String> metricsOfRows(Model model) {
        if (model.isRegression()) {
            return List.of("loss", "pearson", "spearmanr", "mse");
        }
        if (model.isMultiLabel()) {
            return List.of("loss", "accuracy", "micro_f1", "macro_f1", "micro_roc_auc", "macro_roc_auc");
        }
        return model.description().labels().size() == 2
                ? List.of("loss", "accuracy", "macro_f1", "matthews", "precision", "recall", "f1", "roc_auc")
                : List.of("loss", "accuracy", "macro_f1", "matthews");
    }

    /**
     * What is wrong with a setting that names a value of evaluations; null if nothing is.
     *
     * @param field the setting
     * @param metric its value
     * @param ofTask {@link #metrics(Model, TrainingSet)}
     * @param own names of values that the data's own metrics give
     */
    public static @Nullable String problem(
            String field, String metric, Model model, List<String> ofTask, Collection<String> own) {
        List<String> known = new ArrayList<>(ofTask);
        known.addAll(own);
        if (known.contains(metric)) {
            return null;
        }
        String entities = model.task() == Task.TOKEN_CLASSIFICATION && ENTITY_SCORES.contains(metric)
                ? ": the model's labels are no tags of entities, which are O, B-KIND and I-KIND, with E-KIND and S-KIND or without;"
                        + " choose another metric, or write the tags so"
                : "";
        return field + " must be one of " + String.join(", ", known) + " for this task, got " + metric + entities;
    }

    /** A result of which nobody knows which class was taken for which. */
    public Evaluation(double loss, Map<String, Double> scores, long count, double seconds) {
        this(loss, scores, count, seconds, null, null);
    }

    /** The same with other scores. */
    Evaluation withScores(Map<String, Double> others) {
        return new Evaluation(loss, others, count, seconds, confusion, labels);
    }

    /**
     * The scores of a classifier; of one of two classes also those of the second, which counts as the positive one.
     *
     * @param rocAuc area under the ROC curve of two classes; not read of more
     */
    public static Evaluation classification(double loss, ConfusionMatrix confusion, double rocAuc, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", confusion.accuracy());
        scores.put("macro_f1", confusion.macroF1());
        scores.put("matthews", confusion.matthews());
        if (confusion.classes() == 2) {
            scores.put("precision", confusion.precision(1));
            scores.put("recall", confusion.recall(1));
            scores.put("f1", confusion.f1(1));
            scores.put("roc_auc", rocAuc);
        }
        return new Evaluation(loss, scores, confusion.total(), seconds, confusion, null);
    }

    /**
     * The scores of a classifier of words.
     *
     * @param entities null where the labels do not speak of entities
     */
    public static Evaluation tokenClassification(
            double loss, ConfusionMatrix confusion, @Nullable EntityScore entities, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", confusion.accuracy());
        scores.put("macro_f1", confusion.macroF1());
        if (entities != null) {
            scores.put("precision", entities.precision());
            scores.put("recall", entities.recall());
            scores.put("f1", entities.f1());
        }
        return new Evaluation(loss, scores, confusion.total(), seconds, confusion, null);
    }

    /** The scores of a classifier of texts that may have several labels. */
    public static Evaluation multiLabel(double loss, MultiLabelScore score, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", score.accuracy());
        scores.put("micro_f1", score.microF1());
        scores.put("macro_f1", score.macroF1());
        scores.put("micro_roc_auc", score.microRocAuc());
        scores.put("macro_roc_auc", score.macroRocAuc());
        return new Evaluation(loss, scores, score.count(), seconds, null, score);
    }

    /** The scores of a regression. */
    public static Evaluation regression(double loss, RegressionScore score, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("pearson", score.pearson());
        scores.put("spearmanr", score.spearman());
        scores.put("mse", score.mse());
        return new Evaluation(loss, scores, score.count(), seconds);
    }

    /** The scores of texts to rank. */
    public static Evaluation ranking(double loss, RankingScore score, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", score.accuracy());
        scores.put("mrr", score.mrr());
        scores.put("margin", score.margin());
        return new Evaluation(loss, scores, score.count(), seconds);
    }

    /** The scores of preferences. */
    public static Evaluation preferences(double loss, PreferenceScore score, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", score.accuracy());
        scores.put("margin", score.margin());
        scores.put("reward_chosen", score.chosen());
        scores.put("reward_rejected", score.rejected());
        return new Evaluation(loss, scores, score.count(), seconds);
    }

    /**
     * The scores of a language model: {@code perplexity = exp(loss)}, and the share of the tokens that it tells right.
     *
     * @param right how many it does
     */
    public static Evaluation languageModel(double loss, long right, long tokens, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("perplexity", perplexity(loss));
        scores.put("token_accuracy", (double) right / tokens);
        return new Evaluation(loss, scores, tokens, seconds);
    }

    /** {@code exp(loss)} of a mean loss per token in nats; infinite where that overflows. */
    public static double perplexity(double loss) {
        return Math.exp(loss);
    }

    /** Loss and scores under one roof, loss first. */
    public Map<String, Double> values() {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", loss);
        values.putAll(scores);
        return values;
    }
}
