package org.loft4j.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a listener learns of one optimizer step.
 *
 * @param step number of the step just taken, from 1
 * @param totalSteps number of steps that the run will take
 * @param epoch how many passes over the data are behind, as a fraction
 * @param loss mean loss of the step's examples or tokens; not finite if the step was skipped
 * @param learningRate of the step
 * @param gradNorm the norm before clipping
 * @param skipped whether a gradient was not finite, and so nothing was changed
 * @param tokensPerSecond non-padding tokens a second, of images how many images; the mean of the latest steps
 * @param images whether {@code tokensPerSecond} counts images
 * @param residentBytes resident memory of the process in bytes
 * @param seconds that this step took, from its batch to the moved weights
 * @param secondsLeft estimate of the time to the last step
 * @param scores of answers that rewards have judged, by name ({@link Rollouts}); empty for all else
 */
public record StepEvent(
        long step,
        long totalSteps,
        double epoch,
        double loss,
        double learningRate,
        double gradNorm,
        boolean skipped,
        double tokensPerSecond,
        boolean images,
        long residentBytes,
        double seconds,
        double secondsLeft,
        Map<String, Double> scores) {
    public StepEvent {
        scores = Collections.unmodifiableMap(new LinkedHashMap<>(scores));
    }
}
