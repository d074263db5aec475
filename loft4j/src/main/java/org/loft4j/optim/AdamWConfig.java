package org.loft4j.optim;

import org.loft4j.Checks;

/**
 * Settings of {@link AdamW}.
 *
 * @param beta1 decay rate of the first moment, in [0, 1)
 * @param beta2 decay rate of the second moment, in [0, 1)
 * @param eps added to the root of the second moment
 * @param weightDecay decoupled decay, multiplied by the learning rate
 */
public record AdamWConfig(double beta1, double beta2, double eps, double weightDecay) implements OptimizerConfig {
    public AdamWConfig {
        Checks.fraction("optimizer.beta1", beta1);
        Checks.fraction("optimizer.beta2", beta2);
        Checks.positive("optimizer.eps", eps);
        Checks.notNegative("optimizer.weight_decay", weightDecay);
    }

    /** β = (0.9, 0.999), ε = 1e-8, no decay. */
    public static AdamWConfig defaults() {
        return new AdamWConfig(0.9, 0.999, 1e-8, 0);
    }

    public AdamWConfig withWeightDecay(double decay) {
        return new AdamWConfig(beta1, beta2, eps, decay);
    }
}
