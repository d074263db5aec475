package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.tensor;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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

    /** Some way above the factors' gradients, the probe's is the first to leave float16. */
    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
    void anOverflowOfAProbeAloneSkipsTheStepAndIsForgotten(double overflow) {
        LoftConfig config = LoftConfig.defaults().withTangent(true).withMatchRate(true);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair spared = probedPair();
            LowRankPair pair = probedPair();
            try (OptimizerGroups expected = loft(spared, config);
                    OptimizerGroups groups = loft(pair, config)) {
                Random random = new Random(3);
                for (int i = 0; i < 4; i++) {
                    Tensor gradient = tensor(gaussian(random, 5, 7));
                    if (i == 0) {
                        LowRankGradients.backward(pair, gradient.mul(new Scalar(groups.lossScale())));
                        GradientProbe probe = Objects.requireNonNull(pair.probe());
                        probe.sink().grad().select(0, 1).fill_(new Scalar(overflow));
                        assertTrue(groups.step(1, 1).skipped());
                        assertEquals(32768, groups.lossScale());
                        groups.zeroGrad();
                    }
                    LowRankGradients.backward(spared, gradient.mul(new Scalar(expected.lossScale())));
                    LowRankGradients.backward(pair, gradient.mul(new Scalar(groups.lossScale())));
                    assertEquals(expected.step(1, 1), groups.step(1, 1));
                    expected.zeroGrad();
                    groups.zeroGrad();
                }
                assertTrue(Tensors.bitEqual(spared.loraA(), pair.loraA()), "A");
                assertTrue(Tensors.bitEqual(spared.loraB(), pair.loraB()), "B");
            }
        }
    }

    private static LowRankPair probedPair() {
        Random random = new Random(2);
        GradientProbe probe = new GradientProbe(tensor(gaussian(random, 1, 7)), Matrices.leaf(new double[5][1]));
        Tensor a = Matrices.leaf(gaussian(random, 2, 7));
        return new LowRankPair("w", a, Matrices.leaf(gaussian(random, 5, 2)), 2, probe);
    }

    private static OptimizerGroups loft(LowRankPair pair, LoftConfig config) {
        return new OptimizerGroups(
                List.of(new OptimizerGroups.Group("all", Loft.adamW(List.of(pair), config), 1e-2)), new LossScale());
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

    @Test
    void itGrowsNoFurtherThanItMay() {
        try (LossScale scale = new LossScale()) {
            for (int i = 0; i < 24_000; i++) {
                scale.after(true);
            }
            assertEquals(1 << 24, scale.value());
        }
    }
}
