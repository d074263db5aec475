package org.loft4j.cli.reproduce;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.NativeScope;

/** W itself, moved by an optimizer of full matrices. */
final class WholeMatrix implements MovingMatrix {
    private final Tensor w;
    private final Optimizer optimizer;

    /** @param start {@code (m, n)}; copied */
    WholeMatrix(Tensor start, Function<List<NamedParameter>, Optimizer> optimizer) {
        try (NativeScope scope = new NativeScope()) {
            w = NativeScope.keep(start.detach().clone());
            this.optimizer = optimizer.apply(List.of(new NamedParameter("w", w)));
        }
    }

    @Override
    public Tensor value() {
        return w.detach();
    }

    @Override
    public void step(Tensor gradient, double learningRate) {
        try (NativeScope scope = new NativeScope()) {
            w.mutable_grad().put(gradient);
            optimizer.squaredGradNorm();
            optimizer.step(learningRate, 1);
            optimizer.zeroGrad();
        }
    }

    @Override
    public Map<String, Tensor> state() {
        return optimizer.state();
    }

    @Override
    public void close() {
        optimizer.close();
        w.close();
    }
}
