package org.loft4j.nn;

import org.loft4j.ConfigException;

/**
 * The probability above which a label is told, of labels of which a text may have several.
 *
 * @param probability in (0, 1)
 */
public record Threshold(double probability) {
    public static final Threshold HALF = new Threshold(0.5);

    /** @throws ConfigException if it is no probability that a label can lie above and below */
    public Threshold {
        if (!(probability > 0 && probability < 1)) {
            throw new ConfigException("threshold must lie in (0, 1), got " + probability);
        }
    }

    /** The same as a logit: {@code log(p / (1 - p))}. */
    public double logit() {
        return Math.log(probability / (1 - probability));
    }
}
