package org.loft4j.cli.reproduce;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.cli.report.PeakMemory;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * What one method took on one float32 matrix.
 *
 * @param stateBytes of all tensors of the optimizer's state
 * @param peakBytes growth of the resident size of the process, from before the optimizer was made to the largest during its
 *     steps: what is trained, its gradients, the state, and what a step holds for a while. Empty where the system does not say
 */
record MemoryMeasurement(MemoryMethod method, long m, long n, long rank, long stateBytes, OptionalLong peakBytes) {
    private static final int STEPS = 3;

    /** Takes a few steps and looks. */
    static MemoryMeasurement of(MemoryMethod method, long m, long n, long rank) {
        Seeds.manualSeed(1);
        try (NativeScope scope = new NativeScope()) {
            Tensor w = randn(m, n);
            Tensor a = randn(rank, n);
            Tensor b = randn(m, rank);
            Tensor gradient = randn(m, n);
            System.gc();
            NativeHeap.trim();
            PeakMemory.reset();
            OptionalLong before = PeakMemory.now();
            try (MovingMatrix moving = method.isFull()
                    ? new WholeMatrix(w, MemoryMethod::whole)
                    : new FactoredMatrix(a, b, method.optimizer())) {
                for (int step = 0; step < STEPS; step++) {
                    moving.step(gradient, 1e-4);
                }
                OptionalLong peak = PeakMemory.peak();
                return new MemoryMeasurement(
                        method,
                        m,
                        n,
                        rank,
                        bytes(moving.state()),
                        before.isPresent() && peak.isPresent()
                                ? OptionalLong.of(peak.getAsLong() - before.getAsLong())
                                : OptionalLong.empty());
            }
        }
    }

    private static Tensor randn(long rows, long columns) {
        return torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                .mul_(new Scalar(0.1));
    }

    private static long bytes(Map<String, Tensor> state) {
        return state.values().stream()
                .mapToLong(tensor -> tensor.numel() * Dtype.of(tensor).bytes())
                .sum();
    }

    /** What the formula says. */
    double expectedStateBytes() {
        return Dtype.F32.bytes() * method.stateFloats(m, n, rank);
    }

    /** {@code |measured − expected| / expected}: the step counter and r×r matrices that the formula leaves out. */
    double relativeDifference() {
        return Math.abs(stateBytes - expectedStateBytes()) / expectedStateBytes();
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("method", method.word());
        tree.put("m", m);
        tree.put("n", n);
        tree.put("rank", rank);
        tree.put("state_bytes", stateBytes);
        tree.put("arithmetic_state_bytes", Math.round(expectedStateBytes()));
        tree.put("relative_difference", relativeDifference());
        tree.put("peak_growth_bytes", peakBytes.isPresent() ? peakBytes.getAsLong() : null);
        return tree;
    }
}
