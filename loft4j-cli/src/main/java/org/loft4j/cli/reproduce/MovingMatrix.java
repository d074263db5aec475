package org.loft4j.cli.reproduce;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** A matrix W that an optimizer moves by gradients that are given in closed form. */
interface MovingMatrix extends AutoCloseable {
    /** W, {@code (m, n)}; belongs to the open scope. */
    Tensor value();

    /** One step with {@code ∂f/∂W}, {@code (m, n)}. */
    void step(Tensor gradient, double learningRate);

    /** What the optimizer keeps; the tensors are its own. */
    Map<String, Tensor> state();

    @Override
    void close();
}
