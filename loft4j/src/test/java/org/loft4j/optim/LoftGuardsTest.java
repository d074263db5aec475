package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LoftGuardsTest {
    private static final long SEED = Long.getLong("tests.seed", 41L);
    private static final int M = 12;
    private static final int N = 9;
    private static final int R = 3;
    private static final LoftConfig GUARDED = LoftConfig.defaults().withMaxRelativeStep(0.1);

    /** From B = 0 the first step of A is as large as what it steps from, at any learning rate; guarded it is what the bound says. */
    @Test
    void theFirstStepOfAIsShortened() {
        assertTrue(firstStepOfA(LoftConfig.defaults()) > 0.3, "seed " + SEED);
        assertEquals(0.1, firstStepOfA(GUARDED), 1e-12, "seed " + SEED);
    }

    /** No step of A has a size where B is zero: 0/0 stands for it. */
    @Test
    void withoutAGradientAndWithBZeroAStaysWhereItIs() {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(gaussian(new Random(SEED), R, N)), leaf(new double[M][R]), 2);
            Tensor before = pair.loraA().detach().clone();
            try (Optimizer loft = Loft.adamW(List.of(pair), GUARDED)) {
                move(loft, pair, tensor(new double[M][N]));
                move(loft, pair, tensor(new double[M][N]));
            }
            assertTrue(Tensors.bitEqual(before, pair.loraA().detach()), "seed " + SEED);
        }
    }

    /** {@code ‖B·ΔA‖ / ‖B·A‖} of step 2. */
    private static double firstStepOfA(LoftConfig config) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(new double[M][R]), 2);
            try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
                move(loft, pair, tensor(gaussian(random, M, N)));
                Tensor before = pair.loraA().detach().clone();
                move(loft, pair, tensor(gaussian(random, M, N)));
                Tensor b = pair.loraB().detach();
                Tensor step = b.mm(pair.loraA().detach().sub(before));
                return step.norm().item_double() / b.mm(before).norm().item_double();
            }
        }
    }

    @Test
    void neitherAlphaNorTheBasisChangesTheGuardedTrajectory() {
        Random random = new Random(SEED);
        double[][] a = gaussian(random, R, N);
        double[][] b = LoftTranscription.scaled(gaussian(random, M, R), 0.01);
        double[][] rotation = gaussian(random, R, R);
        try (NativeScope scope = new NativeScope()) {
            Tensor expected = trajectory(a, b, 1, GUARDED);
            assertTrue(distance(trajectory(a, b, 1, LoftConfig.defaults()), expected) > 0.1, "the guard must act here");
            Tensor scaled = trajectory(a, LoftTranscription.scaled(b, 1 / 16.0), 16, GUARDED);
            assertTrue(distance(scaled, expected) <= 1e-9, "seed " + SEED + ": " + distance(scaled, expected));
            Tensor rotated = trajectory(
                    LoftTranscription.mul(LoftTranscription.inverse(rotation), a),
                    LoftTranscription.mul(b, rotation),
                    1,
                    GUARDED);
            assertTrue(distance(rotated, expected) <= 1e-8, "seed " + SEED + ": " + distance(rotated, expected));
        }
    }

    @Test
    void whereItDoesNotActItChangesNoBit() {
        Random random = new Random(SEED);
        double[][] a = gaussian(random, R, N);
        double[][] b = gaussian(random, M, R);
        try (NativeScope scope = new NativeScope()) {
            Tensor free = trajectory(a, b, 2, LoftConfig.defaults());
            assertTrue(Tensors.bitEqual(
                    free, trajectory(a, b, 2, LoftConfig.defaults().withMaxRelativeStep(0.5))));
        }
        assertThrows(ConfigException.class, () -> LoftConfig.publishedCode().withMaxRelativeStep(0.5));
    }

    @Test
    void thePseudoInverseInvertsWhatIsThere() {
        Damping damping = new Damping.PseudoInverse(1e-10);
        try (NativeScope scope = new NativeScope()) {
            Tensor values = damping.invert(Tensors.of(new double[] {0, 1e-12, 0.5, 4}, 4), Factor.A);
            assertEquals(List.of(0.0, 0.0, 2.0, 0.25), boxed(values));
            assertEquals(List.of(0.0, 0.0), boxed(damping.invert(Tensors.of(new double[] {0, 0}, 2), Factor.B)));
            Random random = new Random(SEED);
            double[][] a = gaussian(random, R, N);
            double[][] b = gaussian(random, M, R);
            Tensor relative = trajectory(a, b, 2, LoftConfig.defaults());
            Tensor pseudo = trajectory(a, b, 2, LoftConfig.defaults().withDamping(damping));
            assertTrue(distance(pseudo, relative) <= 1e-10, "seed " + SEED + ": " + distance(pseudo, relative));
        }
    }

    @Test
    void epsIsWarnedOfOnceAndLookedAtOnePairAtATime() {
        try (Logged log = new Logged(EpsWatch.class)) {
            EpsWatch watch = new EpsWatch(1e-4, 2);
            List<String> asked = new ArrayList<>();
            for (long t = 1; t <= 500; t++) {
                for (int index = 0; index < 2; index++) {
                    String look = t + "/" + index;
                    watch.look("pair" + index, index, t, () -> {
                        asked.add(look);
                        return asked.size() <= 2 ? 0.05 : 0.25;
                    });
                }
            }
            assertEquals(List.of("1/0", "52/1", "103/0"), asked);
            assertEquals(1, log.messages().size());
            String message = log.messages().get(0);
            assertTrue(
                    message.startsWith(
                            "eps 1.0e-04 is larger than √V in 25 % of the entries looked at (pair0, step 103)"),
                    message);
        }
    }

    @Test
    void diagnosticsTellConditionTurnAndTheShareOfEps() {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(gaussian(random, M, R)), 2);
            LoftConfig config = LoftConfig.defaults();
            LoftConfig blunt = new LoftConfig(0.9, 0.999, 1e6, 0, config.damping());
            try (Optimizer loft = Loft.adamW(List.of(pair), config);
                    Optimizer dominated = Loft.adamW(List.of(pair), blunt)) {
                assertEquals(List.of(), loft.diagnostics());
                move(loft, pair, tensor(gaussian(random, M, N)));
                Tensor before = pair.loraA().detach().clone();
                move(loft, pair, tensor(gaussian(random, M, N)));
                LoftDiagnostics told = loft.diagnostics().get(0);
                assertEquals("w", told.pair());
                assertEquals(condition(pair.loraA()), told.conditionA(), 1e-8 * told.conditionA());
                assertEquals(condition(pair.loraB()), told.conditionB(), 1e-8 * told.conditionB());
                assertEquals(turn(before, pair.loraA()), told.turn(), 1e-7, "seed " + SEED);
                assertTrue(told.turn() > 1e-4, "a step must turn something, seed " + SEED);
                assertEquals(0, told.epsShare());
                move(dominated, pair, tensor(gaussian(random, M, N)));
                assertEquals(1, dominated.diagnostics().get(0).epsShare());
            }
        }
    }

    /** A run whose factors have run away is ended for the steps that are skipped from then on, and logs until it is. */
    @Test
    void factorsThatAreNotFiniteAreToldOf() {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(gaussian(random, M, R)), 2);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                move(loft, pair, tensor(gaussian(random, M, N)));
                move(loft, pair, tensor(gaussian(random, M, N)));
                pair.loraA().detach().select(0, 1).fill_(new Scalar(Double.NaN));
                LoftDiagnostics told = loft.diagnostics().get(0);
                assertEquals(Double.POSITIVE_INFINITY, told.conditionA());
                assertTrue(Double.isFinite(told.conditionB()), "seed " + SEED);
                assertEquals(Double.NaN, told.turn());
            }
        }
    }

    /** Of the active factor and of the one at rest, whose basis is zero in the first step (B = 0) and is not in the others. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 2", "1, 3", "3, 1", "3, 2", "3, 3", "16, 1", "16, 2", "16, 3"})
    void aGradientThatIsNotFiniteShowsInTheNorm(int rank, int step) {
        Random random = new Random(SEED);
        int out = 40;
        int in = 600;
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(gaussian(random, rank, in));
            LowRankPair pair = new LowRankPair("w", a, leaf(new double[out][rank]), 2);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                for (int t = 1; t < step; t++) {
                    move(loft, pair, tensor(gaussian(random, out, in)));
                }
                for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
                    for (Factor factor : Factor.values()) {
                        giveGradients(pair, random);
                        assertTrue(Double.isFinite(loft.squaredGradNorm()));
                        giveGradients(pair, random);
                        factor.wideGrad(pair)
                                .narrow(0, rank - 1, 1)
                                .narrow(1, 7, 1)
                                .fill_(new Scalar(bad));
                        assertTrue(!Double.isFinite(loft.squaredGradNorm()), bad + " in lora_" + factor);
                    }
                }
            }
        }
    }

    private static void giveGradients(LowRankPair pair, Random random) {
        for (Tensor leaf : List.of(pair.loraA(), pair.loraB())) {
            leaf.mutable_grad().put(tensor(gaussian(random, (int) leaf.size(0), (int) leaf.size(1))));
        }
    }

    private static double condition(Tensor factor) {
        double[] values = Tensors.toDoubles(torch.linalg_svdvals(factor.detach()));
        return Math.pow(values[0] / values[values.length - 1], 2);
    }

    /** From the cosines between orthonormal bases of the two row spaces. */
    private static double turn(Tensor before, Tensor after) {
        Tensor q = torch.linalg_qr(before.t()).get0();
        Tensor p = torch.linalg_qr(after.detach().t()).get0();
        return Math.sqrt(1 - q.t().mm(p).square().sum().item_double() / R);
    }

    private static Tensor trajectory(double[][] a, double[][] b, double scale, LoftConfig config) {
        Random random = new Random(SEED + 1);
        LowRankPair pair = new LowRankPair("w", leaf(a), leaf(b), scale);
        try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
            for (int i = 0; i < 8; i++) {
                move(loft, pair, tensor(gaussian(random, M, N)));
            }
        }
        return pair.loraB().mm(pair.loraA()).mul(new Scalar(scale)).detach();
    }

    private static void move(Optimizer optimizer, LowRankPair pair, Tensor fullGradient) {
        LowRankGradients.backward(pair, fullGradient);
        optimizer.squaredGradNorm();
        optimizer.step(1e-2, 1);
        optimizer.zeroGrad();
    }

    private static List<Double> boxed(Tensor values) {
        List<Double> list = new ArrayList<>();
        for (double value : Tensors.toDoubles(values)) {
            list.add(value);
        }
        return list;
    }

    private static double distance(Tensor actual, Tensor expected) {
        return actual.sub(expected).norm().item_double() / expected.norm().item_double();
    }

    /** An ε between the least and the greatest root: the share is that of W's entries, which are formed here one by one. */
    @Test
    void theShareOfEpsIsThatOfTheEntriesOfW() {
        Random random = new Random(SEED);
        double[][] gradient = gaussian(random, M, N);
        double[][] a = gaussian(random, R, N);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(a), leaf(gaussian(random, M, R)), 2);
            // B moves first: √V of the corrected moment is what A's rows see of the gradient, G·P_A
            Tensor rows = tensor(a);
            Tensor seen = tensor(gradient)
                    .mm(rows.t())
                    .mm(rows.mm(rows.t()).inverse())
                    .mm(rows)
                    .abs();
            double eps = seen.median().item_double();
            LoftConfig config =
                    new LoftConfig(0.9, 0.999, eps, 0, LoftConfig.defaults().damping());
            try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
                move(loft, pair, tensor(gradient));
                // the median itself is a toss of rounding
                assertEquals(0.5, loft.diagnostics().get(0).epsShare(), 1.0 / (M * N), "seed " + SEED);
            }
        }
    }
}
