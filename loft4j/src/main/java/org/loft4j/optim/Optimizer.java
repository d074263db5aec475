package org.loft4j.optim;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * One optimizer over its own parameters. A step goes in two parts, so that the clipping norm can be taken over several
 * optimizers before any of them writes: {@link #squaredGradNorm} reads the gradients, {@link #step} applies them.
 */
public interface Optimizer extends AutoCloseable {
    /**
     * The squared norm that clipping uses, of the gradients as they are now: of the raw gradient for an ordinary tensor, of
     * the projected full gradient for a LoFT pair. Not finite if any gradient is not finite, idle factors included. A LoFT
     * pair takes its gradients away: what it makes of them is written into their memory.
     */
    double squaredGradNorm();

    /**
     * Applies the gradients that {@link #squaredGradNorm} has just read.
     *
     * @param learningRate of this step
     * @param gradScale multiplies every gradient: the clipping coefficient, 1 for none
     */
    void step(double learningRate, double gradScale);

    /** Drops the gradients. */
    void zeroGrad();

    /** What LoFT can tell of its pairs after a step; nothing before the first, and of other optimizers. */
    default List<LoftDiagnostics> diagnostics() {
        return List.of();
    }

    /** The state by name, for saving; tensors belong to the optimizer, so copy what must outlive the next step. */
    Map<String, Tensor> state();

    /** Takes up a saved state bit for bit; names, shapes and dtypes must be those of {@link #state}. */
    void loadState(Map<String, Tensor> state);

    @Override
    void close();
}
