package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Gives the factors of a pair the gradients that a full gradient of W means. */
final class LowRankGradients {
    private LowRankGradients() {}

    /** {@code g_B = s·G·Aᵀ}, {@code g_A = s·Bᵀ·G}, and {@code s·G·ω} for a probe, by autograd. */
    static void backward(LowRankPair pair, Tensor fullGradient) {
        Tensor product = pair.loraB().mm(pair.loraA());
        GradientProbe probe = pair.probe();
        Tensor seen = probe == null ? product : product.add(probe.sink().mm(probe.direction()));
        seen.mul(fullGradient).sum().mul(new Scalar(pair.scale())).backward();
    }
}
