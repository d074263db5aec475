package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.NativeScope;

/** Rival methods where a Gram matrix is singular: float32 factors go where float64 ones go. */
class DegeneratePeersTest {
    private static final long SEED = Long.getLong("tests.seed", 3L);

    /** What a step has for a gradient of W. */
    private interface Slope {
        Tensor at(int step, Tensor w);
    }

    /** The largest element of A, and how far W ends from the target. */
    private record End(double largest, double distance) {}

    private static End train(
            Optimizer optimizer, LowRankPair pair, Tensor target, int steps, double rate, Slope slope) {
        try (OptimizerGroups groups =
                new OptimizerGroups(List.of(new OptimizerGroups.Group("factors", optimizer, rate)))) {
            for (int step = 0; step < steps; step++) {
                try (NativeScope scope = new NativeScope()) {
                    Tensor w = product(pair);
                    LowRankGradients.backward(pair, slope.at(step, w));
                    groups.step(1, 1);
                    groups.zeroGrad();
                }
            }
        }
        return new End(
                pair.loraA().abs().max().item_double(),
                product(pair).sub(target).norm().item_double());
    }

    private static Tensor product(LowRankPair pair) {
        return pair.loraB().mm(pair.loraA()).mul(new Scalar(pair.scale())).detach();
    }

    private static LowRankPair pair(double[][] a, int rows, ScalarType type) {
        Tensor loraA = Matrices.tensor(a).to(type).set_requires_grad(true);
        Tensor loraB = torch.zeros(new long[] {rows, a.length}, loraA.detach().options())
                .set_requires_grad(true);
        return new LowRankPair("w", loraA, loraB, 2);
    }

    /** A batch of three tokens reaches three directions of sixteen. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-4, 1e-2, 0.2, 1, 10})
    void loraRiteStaysWhereGradientsReachFewDirections(double slope) {
        System.out.println("DegeneratePeersTest: seed " + SEED);
        Random random = new Random(SEED);
        double[][] a = Matrix.scaled(0.1, Matrices.gaussian(random, 16, 64));
        double[][] goal = Matrix.scaled(0.05, Matrices.gaussian(random, 64, 64));
        List<double[][]> tokens = new ArrayList<>();
        for (int step = 0; step < 12; step++) {
            tokens.add(Matrix.scaled(0.2, Matrices.gaussian(random, 3, 64)));
        }
        List<End> ends = new ArrayList<>();
        for (ScalarType type : List.of(ScalarType.Float, ScalarType.Double)) {
            try (NativeScope scope = new NativeScope()) {
                LowRankPair pair = pair(a, 64, type);
                Tensor target = Matrices.tensor(goal).to(type);
                Optimizer optimizer = LoraRite.of(List.of(pair), new AdamWConfig(0.9, 0.999, LoraRite.EPS, 0));
                ends.add(train(optimizer, pair, target, 12, 1e-3, (step, w) -> {
                    Tensor x = Matrices.tensor(tokens.get(step)).to(type);
                    return w.sub(target).mm(x.t()).mm(x).mul(new Scalar(slope));
                }));
            }
        }
        assertEquals(
                ends.get(1).largest(), ends.get(0).largest(), 1e-3 * ends.get(1).largest());
        assertEquals(
                ends.get(1).distance(),
                ends.get(0).distance(),
                1e-3 * ends.get(1).distance());
    }

    /** A·Aᵀ is singular where W has fewer columns than r, and so is S where it has fewer rows. */
    @ParameterizedTest
    @CsvSource({
        "lora-fa, 64, 8, 16",
        "lora-fa, 64, 1, 4",
        "lora-fa, 64, 8, 9",
        "reflora, 8, 64, 16",
        "reflora, 1, 64, 4"
    })
    void aRankAboveASideIsNoNoise(String method, int m, int n, int r) {
        System.out.println("DegeneratePeersTest: seed " + SEED);
        Random random = new Random(SEED);
        double[][] a = Matrix.scaled(1 / Math.sqrt(n), Matrices.gaussian(random, r, n));
        double[][] goal = Matrix.scaled(0.05, Matrices.gaussian(random, m, n));
        List<End> ends = new ArrayList<>();
        for (ScalarType type : List.of(ScalarType.Float, ScalarType.Double)) {
            try (NativeScope scope = new NativeScope()) {
                LowRankPair pair = pair(a, m, type);
                Tensor target = Matrices.tensor(goal).to(type);
                AdamWConfig config = AdamWConfig.defaults();
                Optimizer optimizer = method.equals("lora-fa")
                        ? LoraFa.of(List.of(pair), config)
                        : RefLora.of(List.of(pair), config, 3);
                ends.add(train(
                        optimizer,
                        pair,
                        target,
                        60,
                        1e-3,
                        (step, w) -> w.sub(target).mul(new Scalar(1e-2))));
            }
        }
        assertEquals(
                ends.get(1).distance(),
                ends.get(0).distance(),
                2e-3 * ends.get(1).distance());
    }

    /** B is zero still when the warm-up is over, and the first gradient comes then. */
    @Test
    void refLoraLearnsWhatHadNoGradientBefore() {
        System.out.println("DegeneratePeersTest: seed " + SEED);
        Random random = new Random(SEED);
        double[][] a = Matrix.scaled(0.125, Matrices.gaussian(random, 8, 64));
        double[][] goal = Matrix.scaled(0.05, Matrices.gaussian(random, 64, 64));
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = pair(a, 64, ScalarType.Float);
            Tensor target = Matrices.tensor(goal).to(ScalarType.Float);
            Optimizer optimizer = RefLora.of(List.of(pair), AdamWConfig.defaults(), 3);
            End end = train(
                    optimizer, pair, target, 60, 1e-3, (step, w) -> step < 5 ? w.mul(new Scalar(0.0)) : w.sub(target));
            assertTrue(
                    end.distance() < 0.98 * target.norm().item_double(),
                    end.distance() + " of " + target.norm().item_double());
        }
    }
}
