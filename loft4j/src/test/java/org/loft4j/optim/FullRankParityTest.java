package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.tensor.NativeScope;

/** Golden numbers: 50 noisy steps at full rank, float64, β = (0.9, 0.999), ε = 1e-8; AdamW's from PyTorch. */
class FullRankParityTest {
    private static final Path FILE = Path.of("src/test/resources/fixtures/full_rank/full_rank.safetensors");

    @ParameterizedTest
    @CsvSource({"wd0, 0", "wd0.1, 0.1"})
    void wFollowsAdamW(String key, double decay) throws Exception {
        LoftConfig config = LoftConfig.defaults().withWeightDecay(decay);
        double worst = 0;
        try (NativeScope scope = new NativeScope();
                SafetensorsFile golden = SafetensorsFile.open(FILE);
                Run run = new Run(golden, config)) {
            Tensor w = golden.read("adamw." + key + ".W");
            for (int step = 1; step <= 50; step++) {
                run.step();
                Tensor expected = w.select(0, step);
                worst = Math.max(worst, relative(run.b.mm(run.a), expected));
            }
        }
        System.out.println("full rank, decay " + decay + ": largest relative deviation of W from AdamW's " + worst);
        assertTrue(worst <= 1e-10, "relative deviation " + worst);
    }

    @ParameterizedTest
    @CsvSource({
        "loft.wd0, 0, 0, 0",
        "loft.wd0.1, 0.1, 0, 0",
        "loft_damped.wd0, 0, 1e-8, 1e-6",
        "loft_damped.wd0.1, 0.1, 1e-8, 1e-6"
    })
    void theFactorsFollowTheReference(String key, double decay, double dampingA, double dampingB) throws Exception {
        LoftConfig config = new LoftConfig(0.9, 0.999, 1e-8, decay, new Damping.Absolute(dampingA, dampingB));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile golden = SafetensorsFile.open(FILE);
                Run run = new Run(golden, config)) {
            Tensor a = golden.read(key + ".A");
            Tensor b = golden.read(key + ".B");
            for (int step = 1; step <= 50; step++) {
                run.step();
                double deviation = Math.max(relative(run.a, a.select(0, step)), relative(run.b, b.select(0, step)));
                assertTrue(deviation <= 1e-10, key + ", step " + step + ": relative deviation " + deviation);
            }
        }
    }

    private static double relative(Tensor actual, Tensor expected) {
        return actual.sub(expected).norm().item_double() / expected.norm().item_double();
    }

    /** The fixture's loss: {@code G_t = curvature·(W − target) + linear[t]}. */
    private static final class Run implements AutoCloseable {
        final Tensor a;
        final Tensor b;
        private final LowRankPair pair;
        private final Optimizer loft;
        private final Tensor curvature;
        private final Tensor target;
        private final Tensor linear;
        private int taken;

        Run(SafetensorsFile golden, LoftConfig config) throws Exception {
            a = golden.read("A0");
            b = golden.read("B0");
            a.set_requires_grad(true);
            b.set_requires_grad(true);
            curvature = golden.read("curvature");
            target = golden.read("target");
            linear = golden.read("linear");
            pair = new LowRankPair("w", a, b, 1);
            loft = Loft.adamW(List.of(pair), config);
        }

        void step() {
            Tensor w = b.mm(a).detach();
            LowRankGradients.backward(pair, curvature.mul(w.sub(target)).add(linear.select(0, taken++)));
            loft.squaredGradNorm();
            loft.step(1e-2, 1);
            loft.zeroGrad();
        }

        @Override
        public void close() {
            loft.close();
        }
    }
}
