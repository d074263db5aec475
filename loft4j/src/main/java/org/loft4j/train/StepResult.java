package org.loft4j.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.loft4j.optim.StepReport;

/**
 * What one optimizer step did.
 *
 * @param loss mean over the step's examples (classification) or target tokens (language model), before the update
 * @param learningRate of the step
 * @param report norm, clipping, and whether the step was skipped
 * @param tokens non-padding tokens of the step
 * @param scores of answers that rewards have judged, by name ({@link Rollouts}); empty for all else
 */
public record StepResult(double loss, double learningRate, StepReport report, long tokens, Map<String, Double> scores) {
    public StepResult {
        scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }

    /** Of rows that have their answers. */
    public StepResult(double loss, double learningRate, StepReport report, long tokens) {
        this(loss, learningRate, report, tokens, Map.of());
    }

    /** The same with what there is to tell of answers. */
    StepResult withScores(Map<String, Double> others) {
        return new StepResult(loss, learningRate, report, tokens, others);
    }
}
