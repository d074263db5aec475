package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What the papers claim of their methods, beyond their equations. */
class PeerInvarianceTest {
    private static final int M = 11;
    private static final int N = 9;
    private static final int R = 3;

    private final Random random = new Random(Long.getLong("tests.seed", 17L));

    /** The trajectory of W after five steps towards a target, from these factors. */
    private static double[] trajectory(
            double[][] a, double[][] b, double[][] target, Function<List<LowRankPair>, Optimizer> method) {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", Matrices.leaf(a), Matrices.leaf(b), 2);
            try (Optimizer optimizer = method.apply(List.of(pair))) {
                for (int step = 0; step < 5; step++) {
                    Tensor w = pair.loraB().mm(pair.loraA()).mul(new Scalar(2.0));
                    LowRankGradients.backward(pair, w.detach().sub(Matrices.tensor(target)));
                    optimizer.squaredGradNorm();
                    optimizer.step(1e-2, 1);
                    optimizer.zeroGrad();
                }
            }
            return Tensors.toDoubles(pair.loraB().mm(pair.loraA()));
        }
    }

    /** How far apart the trajectories from (B, A) and (B·T, T⁻¹·A) are. */
    private double dependence(Function<List<LowRankPair>, Optimizer> method) {
        double[][] a = Matrices.gaussian(random, R, N);
        double[][] b = Matrices.gaussian(random, M, R);
        double[][] target = Matrices.gaussian(random, M, N);
        double[][] other = Matrix.add(Matrix.identity(R), 0.5, Matrices.gaussian(random, R, R));
        double[] one = trajectory(a, b, target, method);
        double[] two = trajectory(Matrix.mul(Matrix.inverse(other), a), Matrix.mul(b, other), target, method);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < one.length; i++) {
            difference += Math.pow(one[i] - two[i], 2);
            norm += one[i] * one[i];
        }
        return Math.sqrt(difference / norm);
    }

    @Test
    void anotherFactoringOfTheSameProductGivesTheSameTrajectory() {
        AdamWConfig config = AdamWConfig.defaults();
        double altLora = dependence(pairs -> AltLora.of(pairs, config, false, 1e-14));
        assertTrue(altLora <= 1e-9, "AltLoRA: " + altLora);
        double loraRite = dependence(pairs -> LoraRite.of(pairs, config));
        assertTrue(loraRite <= 1e-9, "LoRA-RITE: " + loraRite);
        double scaledGd = dependence(pairs -> ScaledGd.of(pairs, config));
        assertTrue(scaledGd >= 1e-4, "scaled GD has AdamW's elementwise moments, which a basis changes: " + scaledGd);
    }

    /** {@code S·S_A·S = S_B}, so {@code P·A} and {@code B·P⁻¹} with {@code Pᵀ·P = S} have the same Gram matrix. */
    @Test
    void refLoraBalancesTheFactors() {
        double[][] a = Matrices.gaussian(random, R, N);
        double[][] b = Matrices.gaussian(random, M, R);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", Matrices.leaf(a), Matrices.leaf(b), 2);
            try (RefLora.Refactoring refactoring = new RefLora.Refactoring(pair, 0)) {
                Tensor s = refactoring.s();
                Tensor product =
                        s.mm(Matrices.tensor(Matrix.mul(a, Matrix.t(a)))).mm(s);
                Matrices.assertClose(Matrix.mul(Matrix.t(b), b), product, "S·S_A·S");
                Tensor unit = refactoring.scale(Factor.A, s, 1);
                Matrices.assertClose(Matrix.identity(R), unit, "S⁻¹·S");
            }
        }
    }

    /** {@code S·X + X·T = C}, and zero where nothing determines X. */
    @Test
    void theSylvesterEquationHolds() {
        double[][] f = Matrices.gaussian(random, R, N);
        double[][] g = Matrices.gaussian(random, R, M);
        double[][] s = Matrix.mul(f, Matrix.t(f));
        double[][] t = Matrix.mul(g, Matrix.t(g));
        double[][] c = Matrices.gaussian(random, R, R);
        try (NativeScope scope = new NativeScope()) {
            Tensor x = LoraPro.sylvester(Matrices.tensor(s), Matrices.tensor(t), Matrices.tensor(c));
            Tensor left = Matrices.tensor(s).mm(x).add(x.mm(Matrices.tensor(t)));
            Matrices.assertClose(c, left, "S·X + X·T");
            Tensor zero = Matrices.tensor(new double[R][R]);
            assertEquals(0, LoraPro.sylvester(zero, zero, zero).norm().item_double());
        }
    }

    @Test
    void loraFaFreezesA() {
        double[][] a = Matrices.gaussian(random, R, N);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", Matrices.leaf(a), Matrices.leaf(new double[M][R]), 2);
            try (Optimizer optimizer =
                    LoraFa.of(List.of(pair), AdamWConfig.defaults().withWeightDecay(0.1))) {
                assertFalse(pair.loraA().requires_grad());
                LowRankGradients.backward(pair, Matrices.tensor(Matrices.gaussian(random, M, N)));
                assertFalse(pair.loraA().grad().defined());
                optimizer.squaredGradNorm();
                optimizer.step(1e-2, 1);
                assertEquals(
                        List.of("w.lora_B.exp_avg", "w.lora_B.exp_avg_sq", "step"),
                        List.copyOf(optimizer.state().keySet()));
                assertTrue(Tensors.bitEqual(Matrices.tensor(a), pair.loraA()));
                assertTrue(pair.loraB().abs().max().item_double() > 1e-3);
            }
            assertTrue(pair.loraA().requires_grad(), "whoever goes on with another optimizer has no gradient of A");
        }
    }
}
