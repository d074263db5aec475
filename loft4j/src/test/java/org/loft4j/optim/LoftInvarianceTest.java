package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class LoftInvarianceTest {
    private static final int M = 24;
    private static final int N = 18;
    private static final int R = 4;

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void alphaDoesNotChangeTheTrajectoryOfW(boolean zeroStart, boolean tangent) {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(3);
            Tensor a = randn(R, N);
            Tensor b = zeroStart ? Tensors.zeros(Dtype.F64, DeviceSpec.CPU, M, R) : randn(M, R);
            Tensor expected = trajectory(a, b, 1, Dtype.F64, tangent);
            for (double alpha : new double[] {4, 16, 64}) {
                double scale = alpha / R;
                Tensor w = trajectory(a, b.div(new Scalar(scale)), scale, Dtype.F64, tangent);
                double deviation = relative(w, expected);
                assertTrue(deviation <= 1e-9, "alpha " + alpha + ": relative deviation " + deviation);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anotherBasisOfTheSameSubspaceGivesTheSameTrajectoryOfW(boolean tangent) {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(5);
            Tensor a = randn(R, N);
            Tensor b = randn(M, R);
            Tensor rotation = torch.linalg_qr(randn(R, R))
                    .get0()
                    .mul(torch.arange(
                            new Scalar(1.0), new Scalar(R + 1.0), Tensors.options(Dtype.F64, DeviceSpec.CPU)));
            Tensor expected = trajectory(a, b, 1, Dtype.F64, tangent);
            Tensor w = trajectory(torch.linalg_inv(rotation).mm(a), b.mm(rotation), 1, Dtype.F64, tangent);
            double deviation = relative(w, expected);
            assertTrue(deviation <= 1e-9, "relative deviation " + deviation);
        }
    }

    @Test
    void noEntryOfTheFloat32QuotientPassesItsBound() {
        long seed = Long.getLong("tests.seed", 11L);
        System.out.println("LoftInvarianceTest seed " + seed);
        Seeds.manualSeed(seed);
        LoftConfig config = LoftConfig.defaults();
        try (NativeScope scope = new NativeScope()) {
            Tensor basis = randn(16, 512).to(Dtype.F32.scalarType());
            Tensor m = torch.zeros(new long[] {16, 256}, basis.options());
            double unclamped = 0;
            try (CrossTermMoment moment = new CrossTermMoment(config, m)) {
                for (long t = 1; t <= 6; t++) {
                    Tensor g = randn(16, 256).to(Dtype.F32.scalarType());
                    m.mul_(new Scalar(0.9)).add_(g, new Scalar(0.1));
                    moment.accumulate(g, t);
                    double bound = QuotientBound.at(config, t);
                    double c1 = 1 - Math.pow(0.9, t);
                    double c2 = 1 - Math.pow(0.999, t);
                    Tensor v = moment.packed()
                            .t()
                            .mm(moment.squared(basis))
                            .clamp_min(new Scalar(0.0))
                            .div(new Scalar(c2));
                    Tensor raw =
                            m.t().mm(basis).div(new Scalar(c1)).div(v.sqrt().add(new Scalar(1e-8)));
                    unclamped = Math.max(unclamped, raw.abs().max().item_double() / bound);
                    moment.forEachTile(
                            m,
                            basis,
                            t,
                            (row, column, d) -> assertTrue(
                                    d.abs().max().item_double() <= bound * (1 + 1e-6), "quotient passes " + bound));
                }
            }
            assertTrue(unclamped > 10, "this test must meet the rounding that the clamp is for, met " + unclamped);
        }
    }

    @Test
    void theBoundIsOneAtFirstAndTendsToItsLimit() {
        assertEquals(1, QuotientBound.at(LoftConfig.defaults(), 1), 1e-5);
        assertEquals(7.27, QuotientBound.at(LoftConfig.defaults(), 1_000_000), 0.01);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSavedStateGoesOnBitForBit(boolean simple) {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(9);
            List<Tensor> grads = new ArrayList<>();
            for (int i = 0; i < 9; i++) {
                grads.add(randn(M, N).to(Dtype.F32.scalarType()));
            }
            LowRankPair pair = pair(randn(R, N), randn(M, R), 2, Dtype.F32);
            Map<String, Tensor> saved = new TreeMap<>();
            LowRankPair again;
            try (Optimizer straight = open(simple, pair)) {
                run(straight, pair, grads.subList(0, 4));
                straight.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
                Tensor keptIn = saved.get("w.lora_A.exp_avg_sq.kept_in");
                assertTrue(simple || !keptIn.select(0, 0).equal(keptIn.select(0, 1)), "saved in coordinates of before");
                again = pair(pair.loraA(), pair.loraB(), 2, Dtype.F32);
                run(straight, pair, grads.subList(4, 9));
            }
            try (Optimizer resumed = open(simple, again)) {
                resumed.loadState(saved);
                run(resumed, again, grads.subList(4, 9));
            }
            assertTrue(Tensors.bitEqual(pair.loraA(), again.loraA()));
            assertTrue(Tensors.bitEqual(pair.loraB(), again.loraB()));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aNonFiniteGradientChangesNothing(boolean inIdleFactor) {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(9);
            LowRankPair pair = pair(randn(R, N), randn(M, R), 2, Dtype.F32);
            Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults());
            try (OptimizerGroups groups = new OptimizerGroups(List.of(new OptimizerGroups.Group("loft", loft, 1e-2)))) {
                LowRankGradients.backward(pair, randn(M, N).to(Dtype.F32.scalarType()));
                assertFalse(groups.step(1, 1).skipped());
                groups.zeroGrad();
                Map<String, Tensor> before = new TreeMap<>();
                groups.state().forEach((name, tensor) -> before.put(name, tensor.clone()));
                Tensor a = pair.loraA().detach().clone();
                Tensor b = pair.loraB().detach().clone();

                LowRankGradients.backward(pair, randn(M, N).to(Dtype.F32.scalarType()));
                // step 2 moves A
                Tensor poisoned =
                        inIdleFactor ? pair.loraB().grad() : pair.loraA().grad();
                poisoned.select(0, 0).select(0, 0).fill_(new Scalar(Double.POSITIVE_INFINITY));
                assertTrue(groups.step(1, 1).skipped());
                groups.state().forEach((name, tensor) -> assertTrue(Tensors.bitEqual(tensor, before.get(name)), name));
                assertTrue(Tensors.bitEqual(a, pair.loraA()));
                assertTrue(Tensors.bitEqual(b, pair.loraB()));
            }
        }
    }

    @Test
    void fiveHundredStepsLeaveNothingBehind() {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(9);
            LowRankPair pair = pair(randn(R, N), randn(M, R), 2, Dtype.F32);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                long before = 0;
                for (int i = 0; i < 500; i++) {
                    try (NativeScope step = new NativeScope()) {
                        run(loft, pair, List.of(randn(M, N).to(Dtype.F32.scalarType())));
                    }
                    before = i == 2 ? LiveObjects.settled() : before;
                }
                assertEquals(before, NativeScope.liveObjects());
            }
        }
    }

    private static Optimizer open(boolean simple, LowRankPair pair) {
        return simple
                ? Loft.simple(List.of(pair), LoftConfig.defaults())
                : Loft.adamW(List.of(pair), LoftConfig.defaults());
    }

    private static void run(Optimizer optimizer, LowRankPair pair, List<Tensor> grads) {
        for (Tensor grad : grads) {
            LowRankGradients.backward(pair, grad);
            optimizer.squaredGradNorm();
            optimizer.step(1e-2, 0.7);
            optimizer.zeroGrad();
        }
    }

    /** Twelve clipped steps on a noisy quadratic; returns s·B·A. */
    private static Tensor trajectory(Tensor a, Tensor b, double scale, Dtype dtype, boolean tangent) {
        Seeds.manualSeed(77);
        LowRankPair pair = pair(a, b, scale, dtype);
        Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults().withTangent(tangent));
        try (OptimizerGroups groups = new OptimizerGroups(List.of(new OptimizerGroups.Group("loft", loft, 1e-2)))) {
            Tensor target = randn(M, N);
            for (int i = 0; i < 12; i++) {
                Tensor w = pair.loraB().mm(pair.loraA()).mul(new Scalar(scale)).detach();
                LowRankGradients.backward(pair, w.sub(target).add(randn(M, N)));
                groups.step(1, 5);
                groups.zeroGrad();
            }
            return pair.loraB().mm(pair.loraA()).mul(new Scalar(scale)).detach();
        }
    }

    private static LowRankPair pair(Tensor a, Tensor b, double scale, Dtype dtype) {
        Tensor loraA = a.detach().to(dtype.scalarType()).clone();
        Tensor loraB = b.detach().to(dtype.scalarType()).clone();
        loraA.set_requires_grad(true);
        loraB.set_requires_grad(true);
        return new LowRankPair("w", loraA, loraB, scale);
    }

    private static double relative(Tensor actual, Tensor expected) {
        return actual.sub(expected).norm().item_double() / expected.norm().item_double();
    }

    private static Tensor randn(int rows, int columns) {
        return torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }
}
