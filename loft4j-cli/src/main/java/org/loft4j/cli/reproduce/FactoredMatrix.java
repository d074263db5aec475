package org.loft4j.cli.reproduce;

import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.NativeScope;

/** {@code W = B·A}, of which an optimizer moves the factors. */
final class FactoredMatrix implements MovingMatrix {
    private final LowRankPair pair;
    private final Optimizer optimizer;

    /**
     * @param loraA {@code (r, n)}; copied
     * @param loraB {@code (m, r)}; copied
     */
    FactoredMatrix(Tensor loraA, Tensor loraB, Function<LowRankPair, Optimizer> optimizer) {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = NativeScope.keep(loraA.detach().clone());
            Tensor b = NativeScope.keep(loraB.detach().clone());
            pair = new LowRankPair("w", a, b, 1);
            this.optimizer = optimizer.apply(pair);
        }
    }

    @Override
    public Tensor value() {
        return pair.loraB().mm(pair.loraA());
    }

    /** The factors' gradients are {@code g_A = Bᵀ·G} and {@code g_B = G·Aᵀ}. */
    @Override
    public void step(Tensor gradient, double learningRate) {
        try (NativeScope scope = new NativeScope()) {
            Tensor gA = pair.loraB().t().mm(gradient);
            Tensor gB = gradient.mm(pair.loraA().t());
            pair.loraA().mutable_grad().put(gA);
            pair.loraB().mutable_grad().put(gB);
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
        pair.loraA().close();
        pair.loraB().close();
    }
}
