package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Shapes;

/**
 * One random direction in which the full gradient of an adapted weight is seen: the layer computes {@code W + s·sink·ωᵀ},
 * so that autograd leaves {@code s·G·ω} on the sink, for the price of one more rank. The sink stays zero.
 *
 * @param direction ω as {@code (1, in)}, of independent entries of one distribution that is symmetric about 0, drawn anew for each
 *     step; how long it is does not matter
 * @param sink {@code (out, 1)}, zero, a leaf that requires its gradient
 */
public record GradientProbe(Tensor direction, Tensor sink) {
    public GradientProbe {
        Shapes.require("probe.direction", direction, 1, -1);
        Shapes.require("probe.sink", sink, -1, 1);
    }
}
