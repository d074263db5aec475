package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * Gradient descent with momentum on W (Polyak's heavy ball, as PyTorch's SGD without dampening): {@code m ← β₁·m + g̃}, and the
 * step {@code mᵀ·K} of W has the coordinates m. State: {@code (m + n)·r} floats a pair, half of LoRA's.
 */
final class SgdUpdate implements FactorUpdate {
    private final LoftConfig config;
    private final Momentum momentum;

    SgdUpdate(LoftConfig config, Tensor wide) {
        this.config = config;
        this.momentum = new Momentum(config, wide);
    }

    @Override
    public void transport(Tensor c, long t) {
        momentum.transport(c);
    }

    @Override
    public Tensor accumulate(Tensor g, long t) {
        momentum.accumulate(g, config.beta1(), 1);
        return momentum.value();
    }

    @Override
    public Tensor direction(Tensor m, Tensor k, Basis basis, long t) {
        return m;
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        momentum.addState(prefix, all);
    }

    @Override
    public void close() {
        momentum.close();
    }
}
