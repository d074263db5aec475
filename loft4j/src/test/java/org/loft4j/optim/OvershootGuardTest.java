package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** On {@code ‖W − W*‖²}, whose gradients vanish at the minimum, with a rate at which alternation alone begins to swing. */
class OvershootGuardTest {
    private static final long SEED = Long.getLong("tests.seed", 43L);
    private static final int M = 30;
    private static final int N = 20;
    private static final int R = 2;
    private static final double RATE = 1;
    private static final int STEPS = 300;

    @Test
    void withoutItRowsSwingAndWithItTheyComeToRest() {
        double free = lastOf(transcription().unguarded());
        double guarded = lastOf(transcription());
        assertTrue(free > 1e-8, "seed " + SEED + ": " + free);
        assertTrue(guarded < 1e-4 * free, "seed " + SEED + ": " + guarded + " of " + free);
    }

    @Test
    void itIsWhatItsEquationsSay() {
        LoftTranscription expected = transcription();
        Problem problem = new Problem(SEED, M, N, R);
        int acted = 0;
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = problem.pair(1);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                for (int i = 0; i < 200; i++) {
                    problem.step(loft, pair);
                    problem.step(expected);
                    double[] share = Tensors.toDoubles(loft.state().get("w.lora_B.step_share"));
                    for (int row = 0; row < M; row++) {
                        assertEquals(expected.shareB[row], share[row], 1e-12, "seed " + SEED + ", step " + i);
                        acted += share[row] < 0.9 ? 1 : 0;
                    }
                }
            }
            assertTrue(acted > 0, "it must act here, seed " + SEED);
            double off = distance(pair, tensor(LoftTranscription.mul(expected.b, expected.a)));
            assertTrue(off <= 1e-9, "seed " + SEED + ": " + off);
        }
    }

    @Test
    void alphaDoesNotMatterToIt() {
        try (NativeScope scope = new NativeScope()) {
            Tensor one = after(new Problem(SEED, M, N, R), 1, 200);
            Tensor sixteen = after(new Problem(SEED, M, N, R), 16, 200);
            double off = one.sub(sixteen).norm().item_double() / one.norm().item_double();
            assertTrue(off <= 1e-9, "seed " + SEED + ": " + off);
        }
    }

    @Test
    void itLeavesNoiseAlone() {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            for (int rank : new int[] {1, 2, 4, 16}) {
                LowRankPair pair = new LowRankPair("w", leaf(gaussian(random, rank, N)), leaf(new double[M][rank]), 1);
                try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                    for (int i = 0; i < 200; i++) {
                        try (NativeScope each = new NativeScope()) {
                            move(loft, pair, tensor(gaussian(random, M, N)), 1e-3);
                        }
                    }
                    double least = least(loft, "A") * least(loft, "B");
                    assertTrue(rank == 1 ? least > 0.5 : least == 1, "seed " + SEED + ", rank " + rank + ": " + least);
                }
            }
        }
    }

    @Test
    void atFullRankThereIsNothingForIt() {
        try (NativeScope scope = new NativeScope()) {
            Problem problem = new Problem(SEED, 6, 6, 6);
            LowRankPair pair = problem.pair(1);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                for (int i = 0; i < STEPS; i++) {
                    problem.step(loft, pair);
                }
                assertEquals(1, least(loft, "A"));
                assertEquals(1, least(loft, "B"));
            }
        }
    }

    @Test
    void onlyWhatTakesTurnsHasIt() {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new Problem(SEED, M, N, R).pair(1);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults());
                    Optimizer tangent = Loft.tangent(List.of(pair), LoftConfig.defaults());
                    Optimizer simple = Loft.simple(List.of(pair), LoftConfig.defaults());
                    Optimizer published = Loft.adamW(List.of(pair), LoftConfig.publishedCode())) {
                assertTrue(loft.state().keySet().containsAll(Set.of("w.lora_A.step_share", "w.lora_B.step_share")));
                for (Optimizer other : List.of(tangent, simple, published)) {
                    assertFalse(other.state().containsKey("w.lora_B.step_share"));
                }
            }
        }
    }

    private static LoftTranscription transcription() {
        Problem problem = new Problem(SEED, M, N, R);
        return new LoftTranscription(problem.a, problem.b, 1, LoftConfig.defaults());
    }

    private static double lastOf(LoftTranscription loft) {
        Problem problem = new Problem(SEED, M, N, R);
        for (int i = 0; i < STEPS; i++) {
            problem.step(loft);
        }
        double error = LoftTranscription.frobenius(problem.gradient(loft));
        return error * error / (4 * M * N);
    }

    private static Tensor after(Problem problem, double scale, int steps) {
        LowRankPair pair = problem.pair(scale);
        try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
            for (int i = 0; i < steps; i++) {
                problem.step(loft, pair);
            }
        }
        return product(pair);
    }

    private static Tensor product(LowRankPair pair) {
        return pair.loraB().mm(pair.loraA()).mul(new Scalar(pair.scale())).detach();
    }

    private static double distance(LowRankPair pair, Tensor expected) {
        return product(pair).sub(expected).norm().item_double()
                / expected.norm().item_double();
    }

    private static double least(Optimizer loft, String factor) {
        return loft.state().get("w.lora_" + factor + ".step_share").min().item_double();
    }

    /** At step 3 both moments are of two steps: {@code c = (1 + β₁²)/(1 − β₁²)} and a 25th of {@code V/(1 − β₂²)} are the bounds. */
    @Test
    void itLooksAtMomentsCorrectedForTheStepsBefore() {
        double m = 0.19;
        assertEquals(1.0, shareAfterThreeSteps(9, m, 1e9), "9 of 9.526 times the corrected momentum");
        assertEquals(0.8, shareAfterThreeSteps(10, m, 1e9));
        assertEquals(0.8, shareAfterThreeSteps(10, m, 6), "100 of 120.06");
        assertEquals(1.0, shareAfterThreeSteps(10, m, 4.9), "100 of 98.05");
    }

    /** Of the second row of B, where A = (1, 0) and B = (1, 0)ᵀ: the whole row is beyond the reach of A. */
    private static double shareAfterThreeSteps(double g, double m, double power) {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(new double[][] {{1, 0}}), leaf(new double[][] {{1}, {0}}), 1);
            Damping damping = new Damping.Relative(1e-8);
            try (OvershootGuard guard =
                            Objects.requireNonNull(OvershootGuard.of(LoftConfig.defaults(), Factor.B.wide(pair)));
                    Basis own = new Basis(pair, Factor.B, damping);
                    Basis other = new Basis(pair, Factor.A, damping)) {
                guard.look(
                        tensor(new double[][] {{0, g}}),
                        tensor(new double[][] {{0, m}}),
                        Tensors.of(new double[] {0, power}, 2),
                        new Resting(own, other),
                        3);
                return Tensors.toDoubles(guard.share())[1];
            }
        }
    }

    private static void move(Optimizer optimizer, LowRankPair pair, Tensor fullGradient, double rate) {
        LowRankGradients.backward(pair, fullGradient);
        optimizer.squaredGradNorm();
        optimizer.step(rate, 1);
        optimizer.zeroGrad();
    }

    /** A target of the rank of the factors. */
    private static final class Problem {
        private final double[][] target;
        private final double[][] a;
        private final double[][] b;

        Problem(long seed, int m, int n, int r) {
            Random random = new Random(seed);
            target = LoftTranscription.mul(gaussian(random, m, r), gaussian(random, r, n));
            a = LoftTranscription.scaled(gaussian(random, r, n), 0.1);
            b = LoftTranscription.scaled(gaussian(random, m, r), 0.1);
        }

        LowRankPair pair(double scale) {
            return new LowRankPair("w", leaf(a), leaf(LoftTranscription.scaled(b, 1 / scale)), scale);
        }

        double[][] gradient(LoftTranscription loft) {
            double[][] w = LoftTranscription.mul(loft.b, loft.a);
            return LoftTranscription.scaled(LoftTranscription.add(w, LoftTranscription.scaled(target, -1)), 2);
        }

        void step(LoftTranscription loft) {
            loft.step(gradient(loft), RATE, 0);
        }

        void step(Optimizer loft, LowRankPair pair) {
            try (NativeScope each = new NativeScope()) {
                move(loft, pair, product(pair).sub(tensor(target)).mul(new Scalar(2.0)), RATE);
            }
        }
    }
}
