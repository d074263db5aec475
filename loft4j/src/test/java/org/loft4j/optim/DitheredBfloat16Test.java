package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class DitheredBfloat16Test {
    private static final int M = 96;
    private static final int N = 64;
    private static final int R = 4;

    private static Tensor randn(long... shape) {
        return torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU));
    }

    /** An average of β₂ = 0.999 decays as it should, and does not move at all if it is rounded to nearest. */
    @Test
    void anAverageDecays() {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(3);
            Tensor start = randn(1000).square().add(new Scalar(0.1)).to(Dtype.BF16.scalarType());
            Tensor dithered = start.clone();
            Tensor nearest = start.clone();
            Scalar beta = new Scalar(0.999);
            for (long t = 1; t <= 1000; t++) {
                try (NativeScope step = new NativeScope()) {
                    dithered.copy_(DitheredBfloat16.round(
                            dithered.to(Dtype.F32.scalarType()).mul_(beta), t));
                    nearest.copy_(nearest.to(Dtype.F32.scalarType()).mul_(beta));
                }
            }
            Tensor left = dithered.to(Dtype.F32.scalarType()).div(start.to(Dtype.F32.scalarType()));
            double expected = Math.pow(0.999, 1000);
            assertEquals(expected, left.mean().item_double(), 0.01 * expected);
            assertTrue(left.sub(new Scalar(expected)).abs().max().item_double() < 0.05 * expected);
            double stuck = nearest.to(Dtype.F32.scalarType())
                    .div(start.to(Dtype.F32.scalarType()))
                    .mean()
                    .item_double();
            assertTrue(stuck > 0.99, "rounded to nearest the average decays to " + stuck);
        }
    }

    @Test
    void bothSignsAreRoundedAlikeAndNumbersOfBfloat16StayThemselves() {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(4);
            Tensor x = randn(500);
            Tensor up = DitheredBfloat16.round(x.clone(), 7);
            assertTrue(Tensors.bitEqual(up.neg(), DitheredBfloat16.round(x.neg(), 7)));
            assertTrue(Tensors.bitEqual(up, DitheredBfloat16.round(up.to(Dtype.F32.scalarType()), 8)));
        }
    }

    private static LowRankPair pair(Tensor a, Tensor b) {
        Tensor loraA = a.detach().clone();
        Tensor loraB = b.detach().clone();
        loraA.set_requires_grad(true);
        loraB.set_requires_grad(true);
        return new LowRankPair("w", loraA, loraB, 2);
    }

    private static Optimizer open(LowRankPair pair, boolean half) {
        return Loft.adamW(List.of(pair), LoftConfig.defaults().withBfloat16CrossTerms(half));
    }

    private static void run(Optimizer optimizer, LowRankPair pair, Tensor target, int from, int to) {
        for (int i = from; i < to; i++) {
            try (NativeScope step = new NativeScope()) {
                Seeds.manualSeed(100 + i);
                Tensor w = pair.loraB().mm(pair.loraA()).mul(new Scalar(2.0)).detach();
                LowRankGradients.backward(pair, w.sub(target).add(randn(M, N)));
                optimizer.squaredGradNorm();
                optimizer.step(1e-2, 1);
                optimizer.zeroGrad();
            }
        }
    }

    @Test
    void aTrajectoryStaysNearThatOfFloat32() {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(5);
            Tensor target = randn(M, N);
            Tensor a = randn(R, N);
            Tensor zero = torch.zeros(new long[] {M, R}, a.options());
            LowRankPair exact = pair(a, zero);
            LowRankPair half = pair(a, zero);
            try (Optimizer one = open(exact, false);
                    Optimizer other = open(half, true)) {
                run(one, exact, target, 0, 100);
                run(other, half, target, 0, 100);
                assertEquals(
                        Dtype.BF16, Dtype.of(other.state().get("w.lora_A.exp_avg_sq")), "the state is what is saved");
            }
            Tensor moved = exact.loraB().mm(exact.loraA());
            double off = half.loraB().mm(half.loraA()).sub(moved).norm().item_double()
                    / moved.norm().item_double();
            System.out.println("bfloat16 cross terms: W is off by " + off + " of its change after 100 steps");
            assertTrue(off < 0.02, "off by " + off);
            assertTrue(off > 0, "nothing was rounded");
        }
    }

    @Test
    void aSavedStateGoesOnBitForBit() {
        try (NativeScope scope = new NativeScope()) {
            Seeds.manualSeed(6);
            Tensor target = randn(M, N);
            LowRankPair straight = pair(randn(R, N), randn(M, R));
            Map<String, Tensor> saved = new TreeMap<>();
            LowRankPair again;
            try (Optimizer optimizer = open(straight, true)) {
                run(optimizer, straight, target, 0, 5);
                optimizer.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
                again = pair(straight.loraA(), straight.loraB());
                run(optimizer, straight, target, 5, 12);
            }
            try (Optimizer resumed = open(again, true)) {
                resumed.loadState(saved);
                run(resumed, again, target, 5, 12);
            }
            assertTrue(Tensors.bitEqual(straight.loraA(), again.loraA()));
            assertTrue(Tensors.bitEqual(straight.loraB(), again.loraB()));
        }
    }

    @Test
    void factorsMayBeFloat64() {
        try (NativeScope scope = new NativeScope();
                CrossTermMoment half = new CrossTermMoment(
                        LoftConfig.defaults().withBfloat16CrossTerms(true),
                        randn(R, N).to(Dtype.F64.scalarType()))) {
            Seeds.manualSeed(7);
            Tensor g = randn(R, N).to(Dtype.F64.scalarType());
            half.accumulate(g, 1);
            Tensor square = g.select(0, 0).square().mul(new Scalar(0.001));
            double off = half.packed()
                    .select(0, 0)
                    .to(Dtype.F64.scalarType())
                    .sub(square)
                    .div(square)
                    .abs()
                    .max()
                    .item_double();
            assertTrue(off < 1.0 / 128, "off by " + off);
        }
    }

    @Test
    void thePublishedCodeHasNone() {
        LoftConfig published = LoftConfig.publishedCode();
        assertThrows(ConfigException.class, () -> published.withBfloat16CrossTerms(true));
    }
}
