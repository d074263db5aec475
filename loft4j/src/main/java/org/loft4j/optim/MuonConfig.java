package org.loft4j.optim;

import org.loft4j.Checks;

/**
 * Settings of {@link Muon}.
 *
 * @param momentum decay rate μ of the momentum, in [0, 1)
 * @param weightDecay decoupled decay, multiplied by the learning rate
 */
public record MuonConfig(double momentum, double weightDecay) implements OptimizerConfig {
    public MuonConfig {
        Checks.fraction("muon.momentum", momentum);
        Checks.notNegative("muon.weight_decay", weightDecay);
    }

    /** μ = 0.95, no decay. */
    public static MuonConfig defaults() {
        return new MuonConfig(0.95, 0);
    }
}
