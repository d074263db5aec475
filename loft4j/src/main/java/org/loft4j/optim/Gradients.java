package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/** The gradient that autograd left on a leaf. */
final class Gradients {
    private Gradients() {}

    /** Frees the gradient, so that the next backward pass starts a new one. */
    static void drop(Tensor leaf) {
        try (NativeScope scope = new NativeScope()) {
            leaf.mutable_grad().reset();
        }
    }
}
