package org.loft4j.optim;

/**
 * The largest absolute value that an entry of the AdamW quotient can have in exact arithmetic. The history is carried over
 * by the same linear map in M and in V, so Cauchy–Schwarz holds entry by entry:
 *
 * <pre>
 * d_t² = (1 − β₂ᵗ)/(1 − β₁ᵗ)² · Σ_{k&lt;t} ((1 − β₁)·β₁ᵏ)² / ((1 − β₂)·β₂ᵏ)
 * </pre>
 *
 * Rounding in V breaks it by orders of magnitude where V is tiny; the clamp undoes that and nothing else.
 */
final class QuotientBound {
    private QuotientBound() {}

    static double at(LoftConfig config, long t) {
        if (config.reference()) {
            // carried over by different maps, M and V obey no bound
            return Double.POSITIVE_INFINITY;
        }
        double beta1 = config.beta1();
        double beta2 = config.beta2();
        if (beta1 > 0 && beta2 == 0 && t > 1) {
            return Double.POSITIVE_INFINITY;
        }
        double ratio = beta1 == 0 || beta2 == 0 ? 0 : beta1 * beta1 / beta2;
        double geometric = ratio == 1 ? t : (1 - Math.pow(ratio, t)) / (1 - ratio);
        double c1 = 1 - Math.pow(beta1, t);
        double c2 = 1 - Math.pow(beta2, t);
        double bound = Math.sqrt(c2 * geometric / (1 - beta2)) * (1 - beta1) / c1;
        // room for the rounding of the quotient itself
        return bound * (1 + 1e-6);
    }
}
