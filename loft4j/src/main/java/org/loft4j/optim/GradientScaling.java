package org.loft4j.optim;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** What a method makes of the gradients of one pair before AdamW sees them; see {@link ScaledAdamWPair}. */
interface GradientScaling extends AutoCloseable {
    /**
     * The gradient of a factor, scaled.
     *
     * @param grad float64 {@code (r, length)}, as {@link Factor#wideGrad} has it
     * @param t number of this step, from 1
     * @return float64 {@code (r, length)}
     */
    Tensor scale(Factor factor, Tensor grad, long t);

    /** Those that it asks. */
    default List<Basis> bases() {
        return List.of();
    }

    /** The factors that the method moves have been written. */
    void written();

    /** The factors have been loaded anew. */
    default void reloaded() {
        written();
    }

    @Override
    void close();
}
