package org.loft4j.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The result of one pass over held-out data.
 *
 * @param loss mean over examples (classification) or target tokens (language model), in nats
 * @param scores what else the task says, by name: {@code accuracy}, {@code macro_f1}, {@code matthews}; or {@code perplexity}
 * @param count number of examples or target tokens behind the loss
 * @param seconds that the pass took
 * @param confusion of a classifier: which class was taken for which; null otherwise
 */
public record Evaluation(
        double loss,
        Map<String, Double> scores,
        long count,
        double seconds,
        @Nullable ConfusionMatrix confusion) {
    public Evaluation {
        scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }

    /** A result of which nobody knows which class was taken for which. */
    public Evaluation(double loss, Map<String, Double> scores, long count, double seconds) {
        this(loss, scores, count, seconds, null);
    }

    /** The scores of a classifier. */
    public static Evaluation classification(double loss, ConfusionMatrix confusion, double seconds) {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", confusion.accuracy());
        scores.put("macro_f1", confusion.macroF1());
        scores.put("matthews", confusion.matthews());
        return new Evaluation(loss, scores, confusion.total(), seconds, confusion);
    }

    /** The scores of a language model: {@code perplexity = exp(loss)}. */
    public static Evaluation languageModel(double loss, long tokens, double seconds) {
        return new Evaluation(loss, Map.of("perplexity", perplexity(loss)), tokens, seconds);
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
