package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.assertClose;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.optim.FirstOrderLoftTranscription.Kind;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** LoFT with SGD, Lion and Muon. */
class FirstOrderLoftTest {
    private static final long SEED = Long.getLong("tests.seed", 20260103L);
    private static final LoftConfig CONFIG = new LoftConfig(0.9, 0.99, 1e-8, 0.1, new Damping.Relative(1e-8));

    @ParameterizedTest
    @CsvSource({
        "SGD, 7, 5, 1",
        "SGD, 9, 20, 4",
        "LION, 7, 5, 1",
        "LION, 9, 20, 4",
        "LION, 300, 40, 2",
        "MUON, 7, 5, 1",
        "MUON, 9, 20, 4",
        "MUON, 12, 9, 3"
    })
    void tenStepsFollowTheTranscription(Kind kind, int m, int n, int r) {
        Random random = new Random(SEED);
        double[][] a = gaussian(random, r, n);
        double[][] b = gaussian(random, m, r);
        FirstOrderLoftTranscription expected = new FirstOrderLoftTranscription(a, b, 2, CONFIG, kind);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(a), leaf(b), 2);
            try (Optimizer loft = open(kind, pair)) {
                for (int step = 1; step <= 10; step++) {
                    double[][] g = gaussian(random, m, n);
                    move(loft, pair, tensor(g));
                    expected.step(g, 1e-2);
                    assertClose(expected.a, pair.loraA(), kind + ", seed " + SEED + ", A at step " + step);
                    assertClose(expected.b, pair.loraB(), kind + ", seed " + SEED + ", B at step " + step);
                }
            }
        }
    }

    /** Fifty noisy steps at full rank: W = B·A goes where the optimizer on W goes. */
    @ParameterizedTest
    @CsvSource({"SGD, 1e-10", "LION, 1e-9", "MUON, 1e-6"})
    void atFullRankWFollowsTheOptimizerOnW(Kind kind, double tolerance) {
        Random random = new Random(SEED);
        int n = 9;
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", orthogonal(random, n), orthogonal(random, n), 1);
            Tensor w = product(pair).clone();
            w.set_requires_grad(true);
            // on the way there W does not come near a singular matrix
            Tensor target = product(pair).mul(new Scalar(2.0));
            double worst = 0;
            try (Optimizer loft = open(kind, pair);
                    Muon muon = new Muon(List.of(new NamedParameter("w", w)), new MuonConfig(0.9, 0.1))) {
                BiConsumer<Tensor, Tensor> onW = onW(kind, w, muon);
                Tensor buffer = torch.zeros_like(w.detach());
                for (int step = 0; step < 50; step++) {
                    Tensor noise = tensor(gaussian(random, n, n));
                    move(loft, pair, product(pair).sub(target).add(noise));
                    onW.accept(w.detach().sub(target).add(noise), buffer);
                    worst = Math.max(worst, distance(product(pair), w));
                }
            }
            System.out.println("full rank, " + kind + ": largest relative deviation of W " + worst);
            assertTrue(worst <= tolerance, kind + ", seed " + SEED + ": relative deviation " + worst);
        }
    }

    /** One step of the optimizer on W, given its gradient and a buffer for the momentum. */
    private static BiConsumer<Tensor, Tensor> onW(Kind kind, Tensor w, Muon muon) {
        double lr = 1e-2;
        return (g, m) -> {
            Tensor p = w.detach();
            switch (kind) {
                case SGD -> {
                    m.mul_(new Scalar(0.9)).add_(g);
                    p.mul_(new Scalar(1 - lr * 0.1)).sub_(m, new Scalar(lr));
                }
                case LION -> {
                    Tensor c = m.mul(new Scalar(0.9)).add(g, new Scalar(0.1));
                    p.mul_(new Scalar(1 - lr * 0.1)).sub_(c.sign(), new Scalar(lr));
                    m.mul_(new Scalar(0.99)).add_(g, new Scalar(0.01));
                }
                case MUON -> {
                    w.mul(g).sum().backward();
                    muon.squaredGradNorm();
                    muon.step(lr, 1);
                    muon.zeroGrad();
                }
            }
        };
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void neitherAlphaNorTheBasisChangesTheTrajectoryOfW(Kind kind) {
        Random random = new Random(SEED);
        double[][] a = gaussian(random, 4, 18);
        double[][] b = gaussian(random, 24, 4);
        double[][] rotation = LoftTranscription.add(gaussian(random, 4, 4), LoftTranscription.scaled(identity(4), 3));
        double[][] rotatedA = LoftTranscription.mul(LoftTranscription.inverse(rotation), a);
        double[][] rotatedB = LoftTranscription.mul(b, rotation);
        try (NativeScope scope = new NativeScope()) {
            Tensor expected = trajectory(kind, a, b, 1);
            Tensor scaled = trajectory(kind, a, LoftTranscription.scaled(b, 1 / 16.0), 16);
            assertTrue(distance(scaled, expected) <= 1e-9, kind + ", alpha: " + distance(scaled, expected));
            Tensor rotated = trajectory(kind, rotatedA, rotatedB, 1);
            assertTrue(distance(rotated, expected) <= 1e-9, kind + ", basis: " + distance(rotated, expected));
            Tensor fromZero = trajectory(kind, a, new double[24][4], 2);
            assertTrue(Double.isFinite(fromZero.norm().item_double()), kind + " from B = 0");
        }
    }

    private static Tensor trajectory(Kind kind, double[][] a, double[][] b, double scale) {
        Random random = new Random(SEED + 1);
        LowRankPair pair = new LowRankPair("w", leaf(a), leaf(b), scale);
        Tensor target = tensor(gaussian(random, 24, 18));
        try (Optimizer loft = open(kind, pair)) {
            for (int i = 0; i < 12; i++) {
                move(loft, pair, product(pair).sub(target).add(tensor(gaussian(random, 24, 18))));
            }
        }
        return product(pair);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aSavedStateGoesOnBitForBit(Kind kind) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> grads = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                grads.add(tensor(gaussian(random, 8, 6)));
            }
            LowRankPair pair = new LowRankPair("w", leaf(gaussian(random, 3, 6)), leaf(gaussian(random, 8, 3)), 2);
            Map<String, Tensor> saved = new TreeMap<>();
            LowRankPair again;
            try (Optimizer straight = open(kind, pair)) {
                grads.subList(0, 3).forEach(grad -> move(straight, pair, grad));
                straight.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
                again = new LowRankPair("w", copy(pair.loraA()), copy(pair.loraB()), 2);
                grads.subList(3, 8).forEach(grad -> move(straight, pair, grad));
            }
            try (Optimizer resumed = open(kind, again)) {
                resumed.loadState(saved);
                grads.subList(3, 8).forEach(grad -> move(resumed, again, grad));
            }
            assertTrue(Tensors.bitEqual(pair.loraA(), again.loraA()));
            assertTrue(Tensors.bitEqual(pair.loraB(), again.loraB()));
        }
    }

    @Test
    void muonsStepHasTheSizeThatTheShapeGives() {
        try (NativeScope scope = new NativeScope()) {
            Tensor w = leaf(new double[12][5]);
            try (Muon muon = new Muon(List.of(new NamedParameter("w", w)), MuonConfig.defaults())) {
                w.mul(tensor(gaussian(new Random(SEED), 12, 5))).sum().backward();
                muon.squaredGradNorm();
                muon.step(1, 1);
            }
            // every singular value is 0.2·√12
            Tensor gram = w.detach().t().mm(w.detach()).div(new Scalar(0.04 * 12));
            assertTrue(distance(gram, torch.eye(5).to(gram.scalar_type())) <= 1e-12, "seed " + SEED);
        }
    }

    @Test
    void whatHasNoSecondMomentCannotLeaveItOut() {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(new double[1][2]), leaf(new double[2][1]), 1);
            LoftConfig config = CONFIG.without(LoftBlock.SECOND_MOMENT);
            assertThrows(ConfigException.class, () -> Loft.muon(List.of(pair), config));
            ConfigException vector = assertThrows(
                    ConfigException.class,
                    () -> new Muon(
                            List.of(new NamedParameter(
                                    "bias", tensor(new double[1][2]).select(0, 0))),
                            MuonConfig.defaults()));
            assertEquals("muon moves matrices only, and bias has 1 dimensions: give it to AdamW", vector.getMessage());
        }
    }

    private static Optimizer open(Kind kind, LowRankPair pair) {
        return switch (kind) {
            case SGD -> Loft.sgd(List.of(pair), CONFIG);
            case LION -> Loft.lion(List.of(pair), CONFIG);
            case MUON -> Loft.muon(List.of(pair), CONFIG);
        };
    }

    private static void move(Optimizer optimizer, LowRankPair pair, Tensor fullGradient) {
        LowRankGradients.backward(pair, fullGradient);
        optimizer.squaredGradNorm();
        optimizer.step(1e-2, 1);
        optimizer.zeroGrad();
    }

    private static Tensor product(LowRankPair pair) {
        return pair.loraB().mm(pair.loraA()).mul(new Scalar(pair.scale())).detach();
    }

    private static Tensor orthogonal(Random random, int n) {
        Tensor q = torch.linalg_qr(tensor(gaussian(random, n, n))).get0().detach();
        return copy(q);
    }

    private static Tensor copy(Tensor leaf) {
        Tensor copy = leaf.detach().clone();
        copy.set_requires_grad(true);
        return copy;
    }

    private static double[][] identity(int n) {
        double[][] x = new double[n][n];
        for (int i = 0; i < n; i++) {
            x[i][i] = 1;
        }
        return x;
    }

    private static double distance(Tensor actual, Tensor expected) {
        return actual.sub(expected).norm().item_double() / expected.norm().item_double();
    }
}
