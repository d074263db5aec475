package org.loft4j.optim;

import org.loft4j.Checks;

/**
 * Settings of {@link LoftAdamW} and {@link LoftSimple}. There is no alpha and nothing else to tune: the learning rate,
 * betas, eps and decay are those of AdamW on the full matrix.
 *
 * @param beta1 decay rate of the first moment, in [0, 1)
 * @param beta2 decay rate of the second moment, in [0, 1)
 * @param eps added to the root of the second moment: in W-space for LoFT-AdamW, in factor space for LoFT-simple
 * @param weightDecay decoupled decay of the active factor, multiplied by the learning rate
 * @param damping how Gram matrices are inverted
 */
public record LoftConfig(double beta1, double beta2, double eps, double weightDecay, Damping damping)
        implements OptimizerConfig {
    public LoftConfig {
        Checks.fraction("loft.beta1", beta1);
        Checks.fraction("loft.beta2", beta2);
        Checks.positive("loft.eps", eps);
        Checks.notNegative("loft.weight_decay", weightDecay);
    }

    /** β = (0.9, 0.999), ε = 1e-8, no decay, relative damping 1e-8. */
    public static LoftConfig defaults() {
        return new LoftConfig(0.9, 0.999, 1e-8, 0, new Damping.Relative(1e-8));
    }

    public LoftConfig withWeightDecay(double decay) {
        return new LoftConfig(beta1, beta2, eps, decay, damping);
    }
}
