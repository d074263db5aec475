package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/** AdamW on W: {@code m ← β₁·m + (1 − β₁)·g̃}, a second moment, and their quotient. */
final class AdamWUpdate implements FactorUpdate {
    private final LoftConfig config;
    private final Tensor m;
    private final SecondMoment second;

    AdamWUpdate(LoftConfig config, Tensor wide) {
        this.config = config;
        this.second = SecondMoment.of(config, wide);
        try (NativeScope scope = new NativeScope()) {
            m = NativeScope.keep(torch.zeros(new long[] {wide.size(0), wide.size(1)}, wide.options()));
        }
    }

    @Override
    public void transport(Tensor c, long t) {
        if (config.has(LoftBlock.FIRST_MOMENT)) {
            m.copy_(c.to(m).mm(m));
        }
        if (config.has(LoftBlock.SECOND_MOMENT)) {
            second.transport(c, t);
        }
    }

    @Override
    public void rest(Tensor g, Resting factor, long t) {
        second.rest(g, m, factor, t);
    }

    @Override
    public Tensor accumulate(Tensor g, long t) {
        m.mul_(new Scalar(config.beta1())).add_(g, new Scalar(1 - config.beta1()));
        second.accumulate(g, t);
        return m;
    }

    @Override
    public Tensor direction(Tensor momentum, Tensor k, Basis basis, long t) {
        return second.direction(momentum, k, basis, t);
    }

    @Override
    public double epsShare(Tensor k, long t) {
        return second.epsShare(m, k, t);
    }

    @Override
    public void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".exp_avg", m);
        second.addState(prefix, all);
    }

    @Override
    public void close() {
        m.close();
        second.close();
    }
}
