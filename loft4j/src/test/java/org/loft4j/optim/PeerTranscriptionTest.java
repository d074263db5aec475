package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Every rival method against its plain float64 transcription, and stopped and taken up again. */
class PeerTranscriptionTest {
    private static final double RATE = 1e-2;

    private static OptimizerGroups optimizer(String method, LowRankPair pair, AdamWConfig config) {
        List<LowRankPair> pairs = List.of(pair);
        if (method.equals("lora-plus")) {
            return new OptimizerGroups(LoraPlus.groups(pairs, config, RATE, LoraPlus.RATIO));
        }
        Optimizer optimizer = switch (method) {
            case "lora-fa" -> LoraFa.of(pairs, config);
            case "scaled-gd" -> ScaledGd.of(pairs, config);
            case "lora-pro" -> LoraPro.of(pairs, config);
            case "altlora" -> AltLora.of(pairs, config);
            case "altlora-plus" -> AltLora.plus(pairs, config);
            case "lora-rite" -> LoraRite.of(pairs, config);
            case "reflora" -> RefLora.of(pairs, config, PeerTranscription.REFLORA_WARMUP);
            default -> throw new IllegalArgumentException(method);
        };
        return new OptimizerGroups(List.of(new OptimizerGroups.Group("factors", optimizer, RATE)));
    }

    /** Ten steps towards a random target under noise, on random shapes, from B = 0 and from elsewhere. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "lora-plus",
                "lora-fa",
                "scaled-gd",
                "lora-pro",
                "altlora",
                "altlora-plus",
                "lora-rite",
                "reflora"
            })
    void tenStepsFollowTheTranscription(String method) {
        long first = Long.getLong("tests.seed", 20261125L);
        double worst = 0;
        for (long seed = first; seed < first + 12; seed++) {
            Random random = new Random(seed);
            int r = seed == first ? 1 : 1 + random.nextInt(5);
            int m = r + random.nextInt(16);
            int n = r + random.nextInt(16);
            boolean zeroStart = seed % 2 == 0;
            double decay = seed % 3 == 0 ? 0.1 : 0;
            double maxNorm = seed % 4 == 1 ? 1.5 : 0;
            double scale = 0.5 + 2 * random.nextDouble();
            String what = method + ": seed " + seed + ", m " + m + ", n " + n + ", r " + r + ", decay " + decay;
            System.out.println("PeerTranscriptionTest " + what + (zeroStart ? ", B = 0" : ""));
            double[][] a = Matrices.gaussian(random, r, n);
            double[][] b = zeroStart ? new double[m][r] : Matrices.gaussian(random, m, r);
            double[][] target = Matrices.gaussian(random, m, n);
            AdamWConfig config = AdamWConfig.defaults().withWeightDecay(decay);
            PeerTranscription expected = PeerTranscription.of(method, a, b, scale, config);
            try (NativeScope scope = new NativeScope()) {
                LowRankPair pair = pair(a, b, scale);
                try (OptimizerGroups groups = optimizer(method, pair, config)) {
                    for (int step = 1; step <= 10; step++) {
                        double[][] noisy = Matrix.add(target, 0.3, Matrices.gaussian(random, m, n));
                        StepReport report = step(groups, pair, noisy, maxNorm);
                        double[][] w = Matrix.scaled(scale, Matrix.mul(expected.b, expected.a));
                        double norm = expected.step(Matrix.add(w, -1, noisy), RATE, maxNorm);
                        assertEquals(norm, report.gradNorm(), 1e-9 * norm, what + ": norm at step " + step);
                    }
                }
                for (double deviation :
                        new double[] {deviation(expected.a, pair.loraA()), deviation(expected.b, pair.loraB())}) {
                    assertTrue(deviation <= 1e-9, what + ": relative deviation " + deviation);
                    worst = Math.max(worst, deviation);
                }
            }
        }
        System.out.println("PeerTranscriptionTest " + method + ": largest relative deviation " + worst);
    }

    /** Of which LoRA-Pro goes over some rows after the others. */
    @Test
    void loraProFollowsItOnAMatrixOfManyRows() {
        long seed = Long.getLong("tests.seed", 7L);
        System.out.println("PeerTranscriptionTest lora-pro, many rows: seed " + seed);
        Random random = new Random(seed);
        double[][] a = Matrices.gaussian(random, 2, 5);
        double[][] b = Matrices.gaussian(random, 1100, 2);
        double[][] target = Matrices.gaussian(random, 1100, 5);
        AdamWConfig config = AdamWConfig.defaults();
        PeerTranscription expected = PeerTranscription.of("lora-pro", a, b, 2, config);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = pair(a, b, 2);
            try (OptimizerGroups groups = optimizer("lora-pro", pair, config)) {
                for (int step = 1; step <= 5; step++) {
                    step(groups, pair, target, 0);
                    double[][] w = Matrix.scaled(2, Matrix.mul(expected.b, expected.a));
                    expected.step(Matrix.add(w, -1, target), RATE, 0);
                }
            }
            double worst = Math.max(deviation(expected.a, pair.loraA()), deviation(expected.b, pair.loraB()));
            assertTrue(worst <= 1e-9, "relative deviation " + worst);
        }
    }

    /** Stopped after five steps, saved, loaded into a fresh optimizer on copies of the factors: the same bits after ten. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "lora-plus",
                "lora-fa",
                "scaled-gd",
                "lora-pro",
                "altlora",
                "altlora-plus",
                "lora-rite",
                "reflora"
            })
    void aSavedStateGoesOnBitForBit(String method) {
        Random random = new Random(Long.getLong("tests.seed", 5L));
        double[][] a = Matrices.gaussian(random, 3, 9);
        double[][] b = new double[7][3];
        List<double[][]> targets = new ArrayList<>();
        for (int step = 0; step < 10; step++) {
            targets.add(Matrices.gaussian(random, 7, 9));
        }
        AdamWConfig config = AdamWConfig.defaults().withWeightDecay(0.1);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair whole = pair(a, b, 2);
            LowRankPair stopped = pair(a, b, 2);
            Map<String, Tensor> saved = new LinkedHashMap<>();
            try (OptimizerGroups one = optimizer(method, whole, config);
                    OptimizerGroups other = optimizer(method, stopped, config)) {
                targets.forEach(target -> step(one, whole, target, 1));
                targets.subList(0, 5).forEach(target -> step(other, stopped, target, 1));
                other.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
            }
            LowRankPair resumed = pair(a, b, 2);
            try (OptimizerGroups groups = optimizer(method, resumed, config)) {
                resumed.loraA().detach().copy_(stopped.loraA().detach());
                resumed.loraB().detach().copy_(stopped.loraB().detach());
                groups.loadState(saved);
                targets.subList(5, 8).forEach(target -> step(groups, resumed, target, 1));
                // and once more from there, with nothing left of the steps in between
                resumed.loraA().detach().copy_(stopped.loraA().detach());
                resumed.loraB().detach().copy_(stopped.loraB().detach());
                groups.loadState(saved);
                targets.subList(5, 10).forEach(target -> step(groups, resumed, target, 1));
            }
            assertTrue(Tensors.bitEqual(whole.loraA(), resumed.loraA()), "A");
            assertTrue(Tensors.bitEqual(whole.loraB(), resumed.loraB()), "B");
            assertFalse(Tensors.bitEqual(stopped.loraB(), resumed.loraB()), "B did not move");
        }
    }

    /** One step with the gradient of {@code ½‖W − target‖²}. */
    private static StepReport step(OptimizerGroups groups, LowRankPair pair, double[][] target, double maxNorm) {
        try (NativeScope scope = new NativeScope()) {
            Tensor w = pair.loraB().mm(pair.loraA()).mul(new Scalar(pair.scale()));
            LowRankGradients.backward(pair, w.detach().sub(Matrices.tensor(target)));
            StepReport report = groups.step(1, maxNorm);
            groups.zeroGrad();
            return report;
        }
    }

    private static LowRankPair pair(double[][] a, double[][] b, double scale) {
        return new LowRankPair("w", Matrices.leaf(a), Matrices.leaf(b), scale);
    }

    private static double deviation(double[][] expected, Tensor actual) {
        double[] values = Tensors.toDoubles(actual);
        double difference = 0;
        int at = 0;
        for (double[] row : expected) {
            for (double value : row) {
                difference += Math.pow(value - values[at++], 2);
            }
        }
        return Math.sqrt(difference / Matrix.squaredNorm(expected));
    }

    /** A matrix whose smaller side is below the rank has a basis of as many vectors as that side. */
    @ParameterizedTest
    @CsvSource({"4, 9, 6", "9, 4, 6", "4, 4, 6", "1, 9, 3", "9, 1, 3"})
    void loraRiteLearnsWithARankAboveTheSmallerSide(int m, int n, int r) {
        long seed = Long.getLong("tests.seed", 6L);
        System.out.println("PeerTranscriptionTest lora-rite above the side: seed " + seed);
        Random random = new Random(seed);
        double[][] target = Matrices.gaussian(random, m, n);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = pair(Matrices.gaussian(random, r, n), new double[m][r], 1);
            double before = 0.5 * Matrix.squaredNorm(target);
            try (OptimizerGroups groups = optimizer("lora-rite", pair, AdamWConfig.defaults())) {
                for (int step = 0; step < 300; step++) {
                    step(groups, pair, target, 0);
                }
            }
            double after = Tensors.toDoubles(pair.loraB()
                            .detach()
                            .mm(pair.loraA().detach())
                            .sub(Matrices.tensor(target))
                            .square()
                            .sum())[0]
                    / 2;
            assertTrue(after < 0.1 * before, "loss " + before + " fell to " + after);
        }
    }
}
