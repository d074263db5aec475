package org.loft4j.optim;

import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * What the loss of a float16 model is multiplied by before the backward pass, and its gradients divided by afterwards: below 6e-8
 * float16 has no numbers, and the gradients of a mean over some thousand tokens lie there (Micikevicius et al., "Mixed Precision
 * Training", ICLR 2018, arXiv 1710.03740, section 3.2). The scale begins at 2¹⁶, is halved by a step whose gradients are not finite,
 * and doubled after 2,000 steps in a row that were; a power of two, it rounds nothing.
 */
public final class LossScale implements AutoCloseable {
    private static final double FIRST = 1 << 16;
    private static final double LARGEST = 1 << 24;
    private static final double PATIENCE = 2000;

    /** The scale, and the steps in a row that were taken under it: saved with the rest of the state. */
    private final Tensor state;

    public LossScale() {
        try (NativeScope scope = new NativeScope()) {
            state = NativeScope.keep(Tensors.of(new double[] {FIRST, 0}, 2));
        }
    }

    /** A power of two, at least 1. */
    double value() {
        return Tensors.toDoubles(state)[0];
    }

    /** Takes note of a step: whether its gradients were finite. */
    void after(boolean finite) {
        double[] now = Tensors.toDoubles(state);
        double scale = finite ? now[0] : Math.max(1, now[0] / 2);
        double steps = finite ? now[1] + 1 : 0;
        if (steps >= PATIENCE) {
            scale = Math.min(LARGEST, 2 * scale);
            steps = 0;
        }
        new DoublePointer(state.data_ptr()).put(scale, steps);
    }

    Tensor state() {
        return state;
    }

    @Override
    public void close() {
        state.close();
    }
}
