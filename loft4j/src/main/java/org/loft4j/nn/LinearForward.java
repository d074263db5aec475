package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Another way to compute a linear layer, such as the layer with a low-rank adapter on it. */
@FunctionalInterface
public interface LinearForward {
    /** Maps {@code (…, in)} to {@code (…, out)}; {@code base} is the layer that was asked, with its frozen weight. */
    Tensor forward(Linear base, Tensor x);

    /** {@link #forward} where the gradients alone are asked for: {@link Linear#forGradient}. */
    default Tensor forGradient(Linear base, Tensor x) {
        return forward(base, x);
    }

    /** Several layers on the same input, of which this is the way to compute the first: {@link Linear#forwardAll}. */
    default List<Tensor> forwardAll(List<Linear> layers, Tensor x) {
        return layers.stream().map(layer -> layer.forward(x)).toList();
    }
}
