package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Lion on W (Chen et al., "Symbolic Discovery of Optimization Algorithms", arXiv 2302.06675, algorithm 2):
 *
 * <pre>
 * c = β₁·m + (1 − β₁)·g̃        D = sign(cᵀ·K), a tile of rows at a time
 * F ← F − (η/s)·S⁻¹·K·Dᵀ        m ← β₂·m + (1 − β₂)·g̃
 * </pre>
 *
 * <p>State: {@code (m + n)·r} floats a pair, half of LoRA's.
 */
final class LionUpdate implements FactorUpdate {
    private final LoftConfig config;
    private final Momentum momentum;

    LionUpdate(LoftConfig config, Tensor wide) {
        this.config = config;
        this.momentum = new Momentum(config, wide);
    }

    @Override
    public void transport(Tensor c, long t) {
        momentum.transport(c);
    }

    @Override
    public Tensor accumulate(Tensor g, long t) {
        Tensor c = momentum.value().mul(new Scalar(config.beta1())).add_(g, new Scalar(1 - config.beta1()));
        momentum.accumulate(g, config.beta2(), 1 - config.beta2());
        return c;
    }

    @Override
    public Tensor direction(Tensor c, Tensor k, Basis basis, long t) {
        Tensor projector = basis.projector().t();
        Tensor direction = torch.zeros(new long[] {c.size(1), c.size(0)}, c.options());
        Tiles tiles = Tiles.of(c);
        tiles.along(
                c.size(1),
                (row, rows) -> tiles.along(k.size(1), (column, columns) -> {
                    Tensor sign = c.narrow(1, row, rows)
                            .t()
                            .mm(k.narrow(1, column, columns))
                            .sign_();
                    direction.narrow(0, row, rows).addmm_(sign, projector.narrow(0, column, columns));
                }));
        return direction.t();
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
