package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ProcessStatus;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LoraPro;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What optimizers hold on the way, beside what they keep, by the resident size of a process of its own. */
class StepMemoryTest {
    private static final long SIDE = 4096;
    private static final long W = SIDE * SIDE * Dtype.F32.bytes();

    /** Beside its moments, which are as large as W each. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aStepOfLoraProHoldsNothingOfTheSizeOfW(@TempDir Path directory) throws Exception {
        assertTrue(growth("lora-pro", directory) < W / 2);
    }

    /** {@code vech₂} of all columns of a basis of rank 96 at once would have as many numbers as W, and more. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void norDoTheDiagnosticsOfLoft(@TempDir Path directory) throws Exception {
        assertTrue(growth("loft", directory) < W / 2);
    }

    private static long growth(String method, Path directory) throws Exception {
        Path errors = directory.resolve("errors");
        Process child = ChildJvm.start(
                StepMemoryTest.class,
                errors,
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"),
                method);
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, child.waitFor(), Files.readString(errors));
        long growth = Long.parseLong(out.strip());
        System.out.println(method + " holds " + growth / 1e6 + " MB on the way, W would be " + W / 1e6);
        return growth;
    }

    public static void main(String[] arguments) throws Exception {
        boolean loraPro = arguments[0].equals("lora-pro");
        try (NativeScope scope = new NativeScope()) {
            List<LowRankPair> pairs = loraPro
                    ? List.of(new LowRankPair("w", leaf(4, SIDE), leaf(SIDE, 4), 1))
                    : List.of(new LowRankPair("w", leaf(96, SIDE), leaf(32, 96), 1));
            try (Optimizer optimizer =
                    loraPro ? LoraPro.of(pairs, AdamWConfig.defaults()) : Loft.adamW(pairs, LoftConfig.defaults())) {
                step(optimizer);
                long before = ProcessStatus.bytes("VmRSS:");
                Files.writeString(Path.of("/proc/self/clear_refs"), "5");
                if (loraPro) {
                    step(optimizer);
                } else {
                    optimizer.diagnostics();
                }
                System.out.println(ProcessStatus.bytes("VmHWM:") - before);
            }
        }
    }

    private static void step(Optimizer optimizer) {
        optimizer.squaredGradNorm();
        optimizer.step(1e-4, 1);
    }

    private static Tensor leaf(long rows, long columns) {
        Tensor leaf = torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
        leaf.set_requires_grad(true);
        leaf.mutable_grad().put(torch.randn_like(leaf));
        return leaf;
    }
}
