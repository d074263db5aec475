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
import org.loft4j.optim.LoraPro;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Beside its moments, which are as large as W each, a step of LoRA-Pro holds nothing of that size. */
class LoraProMemoryTest {
    private static final long SIDE = 4096;

    @Test
    @EnabledOnOs(OS.LINUX)
    void aStepHoldsNothingOfTheSizeOfW(@TempDir Path directory) throws Exception {
        Path errors = directory.resolve("errors");
        Process child = ChildJvm.start(
                LoraProMemoryTest.class,
                errors,
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"));
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, child.waitFor(), Files.readString(errors));
        long growth = Long.parseLong(out.strip());
        long w = SIDE * SIDE * Dtype.F32.bytes();
        System.out.println(
                "a step of LoRA-Pro takes " + growth / 1e6 + " MB beside its moments, W would be " + w / 1e6);
        assertTrue(growth < w / 2, "" + growth);
    }

    public static void main(String[] arguments) throws Exception {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair("w", leaf(4, SIDE), leaf(SIDE, 4), 1);
            try (Optimizer optimizer = LoraPro.of(List.of(pair), AdamWConfig.defaults())) {
                step(optimizer);
                long before = ProcessStatus.bytes("VmRSS:");
                Files.writeString(Path.of("/proc/self/clear_refs"), "5");
                step(optimizer);
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
