package org.loft4j.data;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * By how much answers that a model has given are better than its others to the same prompt.
 *
 * @param ofRows one for each row of a batch
 * @param reference of each row the log-probabilities of its learnt tokens before training; null where the loss has no use for them
 */
public record Advantages(double[] ofRows, double @Nullable [][] reference) implements RowFacts {
    @Override
    public int count() {
        return ofRows.length;
    }

    @Override
    public Advantages some(int from, int to) {
        return new Advantages(
                Arrays.copyOfRange(ofRows, from, to),
                reference == null ? null : Arrays.copyOfRange(reference, from, to));
    }
}
