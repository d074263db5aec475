package org.loft4j.optim;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * How one method moves the two factors of one pair. {@link PairOptimizer} makes an optimizer of one rule for each pair, counts
 * the steps, and opens a native scope around every call.
 */
interface PairRule extends AutoCloseable {
    LowRankPair pair();

    /**
     * Those that {@link #readGradients} and {@link #step} ask as the factors are before the step: on a device they are made anew for
     * all pairs at once. Others are waited for one by one.
     */
    default List<Basis> bases() {
        return List.of();
    }

    /**
     * Reads the gradients.
     *
     * @param t number of the step that is about to be taken, from 1
     * @param norm gets the squared norm that clipping uses; not finite if any gradient of the pair is not finite
     */
    void readGradients(long t, NormSum norm);

    /**
     * Applies the gradients that were read last.
     *
     * @param t number of this step, from 1
     * @param gradScale multiplies every gradient: the clipping coefficient, 1 for none
     */
    void step(long t, double learningRate, double gradScale);

    /** Adds the tensors that are saved, under names that begin with the pair's. */
    void addState(Map<String, Tensor> all);

    /**
     * What the pair can tell after its last step.
     *
     * @param t number of steps taken, at least 1
     */
    default Optional<LoftDiagnostics> diagnostics(long t) {
        return Optional.empty();
    }

    /** The factors and the state may have been loaded anew: renews what was computed from them. */
    default void reloaded() {}

    @Override
    void close();
}
