package org.loft4j.optim;

/**
 * What one step did.
 *
 * @param gradNorm norm of all gradients before clipping; not finite if the step was skipped
 * @param clipCoefficient what multiplied every gradient, 1 if nothing was clipped
 * @param skipped true if a gradient was not finite, and so nothing was changed
 */
public record StepReport(double gradNorm, double clipCoefficient, boolean skipped) {}
