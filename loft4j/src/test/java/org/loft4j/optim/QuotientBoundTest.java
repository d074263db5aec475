package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuotientBoundTest {
    /** By Cauchy–Schwarz over the weights that the moments give to the gradients of t steps. */
    @ParameterizedTest
    @CsvSource({"0.9, 0.999", "0.5, 0.25", "0.9, 0.5", "0, 0.9", "0, 0", "0.5, 0"})
    void itIsTheSumOverAllSteps(double beta1, double beta2) {
        LoftConfig config = new LoftConfig(beta1, beta2, 1e-8, 0, new Damping.Relative(1e-8));
        double sum = 0;
        for (int t = 1; t <= 6; t++) {
            double inM = (1 - beta1) * Math.pow(beta1, t - 1);
            double inV = (1 - beta2) * Math.pow(beta2, t - 1);
            sum += inM == 0 ? 0 : inM * inM / inV;
            double exact = Math.sqrt((1 - Math.pow(beta2, t)) * sum) / (1 - Math.pow(beta1, t));
            assertEquals(exact, QuotientBound.at(config, t), 2e-6 * exact, "step " + t);
        }
    }
}
