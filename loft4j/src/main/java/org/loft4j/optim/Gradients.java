package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/** The gradient that autograd left on a leaf. */
final class Gradients {
    private Gradients() {}

    /** The gradient of a parameter. */
    static Tensor of(NamedParameter parameter) {
        Tensor grad = parameter.tensor().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    parameter.name() + " has no gradient: run backward before the optimizer's step");
        }
        return grad;
    }

    /** Frees the gradient, so that the next backward pass starts a new one. */
    static void drop(Tensor leaf) {
        try (NativeScope scope = new NativeScope()) {
            leaf.mutable_grad().reset();
        }
    }
}
