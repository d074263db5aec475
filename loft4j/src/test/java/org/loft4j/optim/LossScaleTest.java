package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LossScaleTest {
    private static final AdamWConfig CONFIG = new AdamWConfig(0.9, 0.999, 1e-8, 0);

    private static OptimizerGroups groups(Tensor leaf, LossScale scale) {
        var adamW = new AdamW(List.of(new NamedParameter("w", leaf)), CONFIG);
        return new OptimizerGroups(List.of(new OptimizerGroups.Group("all", adamW, 1e-2)), scale);
    }

    private static Tensor leaf() {
        Tensor leaf = Tensors.of(new double[] {1, -2, 3}, 3);
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static StepReport step(OptimizerGroups groups, Tensor leaf, double factor) {
        leaf.mul(leaf).sum().mul(new Scalar(factor)).backward();
        StepReport report = groups.step(1, 1);
        groups.zeroGrad();
        return report;
    }

    @Test
    void theStepIsThatOfTheLossItself() {
        try (NativeScope scope = new NativeScope()) {
            Tensor plain = leaf();
            Tensor scaled = leaf();
            try (OptimizerGroups one =
                            new OptimizerGroups(groups(plain, new LossScale()).groups());
                    OptimizerGroups other = groups(scaled, new LossScale())) {
                for (int i = 0; i < 5; i++) {
                    StepReport expected = step(one, plain, 1);
                    StepReport actual = step(other, scaled, other.lossScale());
                    assertEquals(expected.gradNorm(), actual.gradNorm());
                    assertEquals(expected.clipCoefficient(), actual.clipCoefficient());
                }
                assertTrue(Tensors.bitEqual(plain, scaled), "a power of two rounds nothing");
            }
        }
    }

    @Test
    void aStepThatIsNotFiniteHalvesItAndManyThatAreDoubleIt() {
        try (NativeScope scope = new NativeScope()) {
            Tensor leaf = leaf();
            try (OptimizerGroups groups = groups(leaf, new LossScale())) {
                assertEquals(65536, groups.lossScale());
                assertTrue(step(groups, leaf, Double.POSITIVE_INFINITY).skipped());
                assertEquals(32768, groups.lossScale());
                for (int i = 0; i < 1999; i++) {
                    step(groups, leaf, groups.lossScale());
                }
                assertEquals(32768, groups.lossScale());
                step(groups, leaf, groups.lossScale());
                assertEquals(65536, groups.lossScale());
                for (int i = 0; i < 40; i++) {
                    step(groups, leaf, Double.NaN);
                }
                assertEquals(1, groups.lossScale());
            }
        }
    }

    @Test
    void itIsSavedAndMayBeMissing() {
        try (NativeScope scope = new NativeScope()) {
            Tensor leaf = leaf();
            try (OptimizerGroups first = groups(leaf, new LossScale());
                    OptimizerGroups second = groups(leaf, new LossScale());
                    OptimizerGroups without = groups(leaf, new LossScale())) {
                step(first, leaf, Double.NaN);
                Map<String, Tensor> state = first.state();
                second.loadState(state);
                assertEquals(32768, second.lossScale());
                state.remove("loss_scale");
                without.loadState(state);
                assertEquals(65536, without.lossScale());
            }
        }
    }
}
