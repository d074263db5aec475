package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/** The first moment of an optimizer that has no second: {@code m ← β·m + weight·g̃}, carried over as {@code C·m} (block 3). */
final class Momentum implements AutoCloseable {
    private final boolean calibrated;
    private final Tensor m;

    Momentum(LoftConfig config, Tensor wide) {
        this.calibrated = config.has(LoftBlock.FIRST_MOMENT);
        try (NativeScope scope = new NativeScope()) {
            m = NativeScope.keep(torch.zeros(new long[] {wide.size(0), wide.size(1)}, wide.options()));
        }
    }

    void transport(Tensor c) {
        if (calibrated) {
            m.copy_(c.to(m).mm(m));
        }
    }

    void accumulate(Tensor g, double beta, double weight) {
        m.mul_(new Scalar(beta)).add_(g, new Scalar(weight));
    }

    Tensor value() {
        return m;
    }

    void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".momentum_buffer", m);
    }

    @Override
    public void close() {
        m.close();
    }
}
