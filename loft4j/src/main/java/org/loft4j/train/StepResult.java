package org.loft4j.train;

import org.loft4j.optim.StepReport;

/**
 * What one optimizer step did.
 *
 * @param loss mean over the step's examples (classification) or target tokens (language model), before the update
 * @param learningRate of the step
 * @param report norm, clipping, and whether the step was skipped
 * @param tokens non-padding tokens of the step
 */
public record StepResult(double loss, double learningRate, StepReport report, long tokens) {}
