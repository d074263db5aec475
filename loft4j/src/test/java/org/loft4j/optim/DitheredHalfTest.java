package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class DitheredHalfTest {
    private static final int SIZE = 1000;

    private static Tensor full(double value, Dtype dtype) {
        return torch.full(new long[] {SIZE}, new Scalar(value), Tensors.options(dtype, DeviceSpec.CPU));
    }

    private static Tensor wide(Tensor x) {
        return x.detach().to(Dtype.F64.scalarType());
    }

    /** One step of AdamW with a gradient that is given. */
    private static void step(AdamW adamW, Tensor p, Tensor gradient, double learningRate) {
        try (NativeScope scope = new NativeScope()) {
            p.mutable_grad().put(gradient.to(p.scalar_type()));
            adamW.step(learningRate, 1);
        }
    }

    /** A gradient that is always the same moves each weight by the learning rate, a third of a last digit and less. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"BF16", "F16"})
    void smallStepsAddUp(Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            for (double start : new double[] {0.02, -0.02, 1.0}) {
                Tensor p = full(start, dtype).set_requires_grad(true);
                Tensor gradient = full(1e-3, Dtype.F32);
                try (AdamW adamW = new AdamW(List.of(new NamedParameter("p", p)), AdamWConfig.defaults())) {
                    for (int t = 0; t < 500; t++) {
                        step(adamW, p, gradient, 2e-5);
                    }
                }
                Tensor moved = wide(p).sub(new Scalar(start));
                assertEquals(-0.01, moved.mean().item_double(), 5e-4, dtype + " from " + start);
                double lastDigit = Math.abs(start) * (dtype == Dtype.BF16 ? 1.0 / 128 : 1.0 / 1024);
                double farthest = moved.add(new Scalar(0.01)).abs().max().item_double();
                assertTrue(farthest < 2 * lastDigit + 5e-4, dtype + " from " + start + ": " + farthest);
            }
        }
    }

    /** Noise that dies down: the second moment has to forget it, as that of float32 does. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"BF16", "F16"})
    void itGoesWhereFloat32Goes(Dtype dtype) {
        Seeds.manualSeed(5);
        try (NativeScope scope = new NativeScope()) {
            Tensor start = torch.randn(new long[] {SIZE}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .mul_(new Scalar(0.02))
                    .to(dtype.scalarType());
            Tensor half = start.clone().set_requires_grad(true);
            Tensor exact = start.to(Dtype.F32.scalarType()).clone().set_requires_grad(true);
            try (AdamW ofHalf = new AdamW(List.of(new NamedParameter("p", half)), AdamWConfig.defaults());
                    AdamW ofExact = new AdamW(List.of(new NamedParameter("p", exact)), AdamWConfig.defaults())) {
                for (int t = 0; t < 3000; t++) {
                    try (NativeScope step = new NativeScope()) {
                        double size = t < 500 ? 1e-2 : 1e-3;
                        Tensor gradient = torch.randn(new long[] {SIZE}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                                .add_(new Scalar(0.2))
                                .mul_(new Scalar(size));
                        step(ofHalf, half, gradient, 2e-5);
                        step(ofExact, exact, gradient, 2e-5);
                    }
                }
            }
            Tensor theirs = wide(exact).sub(wide(start));
            Tensor ours = wide(half).sub(wide(start));
            double path = theirs.norm().item_double();
            double off = ours.sub(theirs).norm().item_double();
            assertTrue(off < 0.1 * path, dtype + ": " + off + " of " + path);
            assertEquals(1, ours.mean().item_double() / theirs.mean().item_double(), 0.02, dtype.toString());
        }
    }

    /** Squares of such gradients are below all that float16 has, and so is AdamW's ε. */
    @Test
    void tinyGradientsOfFloat16LeaveItFinite() {
        try (NativeScope scope = new NativeScope()) {
            Tensor p = full(0.02, Dtype.F16).set_requires_grad(true);
            try (AdamW adamW = new AdamW(List.of(new NamedParameter("p", p)), AdamWConfig.defaults())) {
                step(adamW, p, full(0, Dtype.F32), 1e-3);
                assertEquals(0.02, wide(p).mean().item_double(), 1e-5);
                for (int t = 0; t < 10; t++) {
                    step(adamW, p, full(1e-5, Dtype.F32), 1e-3);
                }
                Map<String, Tensor> state = adamW.state();
                assertEquals(Dtype.BF16, Dtype.of(state.get("p.exp_avg_sq")));
                assertTrue(wide(state.get("p.exp_avg_sq")).min().item_double() > 0, "a second moment of zero");
            }
            List<Double> ends = new ArrayList<>();
            for (double value : Tensors.toDoubles(wide(p))) {
                ends.add(value);
            }
            assertTrue(ends.stream().allMatch(value -> value > 0 && value < 0.02), ends.toString());
        }
    }

    /** What is rounded up in the mean over the steps, and over the elements of one step, is what lies above. */
    @Test
    void thePointsAreSpreadOverStepsAndElements() {
        try (NativeScope scope = new NativeScope()) {
            double below = 1.0;
            double lastDigit = 1.0 / 128;
            for (double part : new double[] {0.1, 0.5, 0.9}) {
                Tensor kept = full(0, Dtype.BF16);
                double sum = 0;
                for (long t = 1; t <= 100; t++) {
                    DitheredHalf.write(kept, full(below + part * lastDigit, Dtype.F32), t);
                    double up = wide(kept).mean().item_double();
                    assertEquals(below + part * lastDigit, up, 0.02 * lastDigit, "step " + t);
                    sum += wide(kept).select(0, 3).item_double();
                }
                assertEquals(below + part * lastDigit, sum / 100, 0.03 * lastDigit, "one element");
            }
        }
    }
}
