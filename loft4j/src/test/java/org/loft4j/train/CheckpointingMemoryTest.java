package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Function;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ProcessStatus;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;

/** Activation memory over layers with and without recomputed layers. */
class CheckpointingMemoryTest {
    private static final int TOKENS = 1024;

    private static CausalDecoder model(int layers) {
        return LlamaModel.random(LlamaConfig.of(512, 256, layers, 4, 4, 704, TOKENS), DeviceSpec.CPU, Dtype.F32, 1);
    }

    private static Batch batch() {
        List<int[]> rows = new java.util.ArrayList<>();
        for (int row = 0; row < 4; row++) {
            int[] ids = new int[TOKENS / 4];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = (7 * row + 13 * i) % 512;
            }
            rows.add(ids);
        }
        return Batch.collate(Dataset.causalLmIds(rows), new int[] {0, 1, 2, 3}, 0);
    }

    private static TrainConfig config(boolean checkpointing) {
        return TrainConfig.builder(Method.LORA)
                .gradientCheckpointing(checkpointing)
                .build();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aLayerKeepsItsInputAlone(@TempDir Path directory) throws IOException {
        double plain = (growth(false, 18, directory) - growth(false, 2, directory)) / 16.0;
        double recomputed = (growth(true, 18, directory) - growth(true, 2, directory)) / 16.0;
        System.out.printf(
                Locale.ROOT,
                "activations of a layer: %.2f MB, %.2f MB with gradient checkpointing%n",
                plain / 1e6,
                recomputed / 1e6);
        // the input is 1 MB; a layer's adapters and their gradients a tenth of that
        assertTrue(recomputed < 2 * TOKENS * 256 * 4.0, "recomputed " + recomputed);
        assertTrue(recomputed < plain / 8, "plain " + plain + ", recomputed " + recomputed);
    }

    /** Four times as many layers take twice the memory: beyond 44 of them, two are computed again as one. */
    @Test
    @Tag("slow")
    @EnabledOnOs(OS.LINUX)
    void memoryGrowsWithTheRootOfTheLayers(@TempDir Path directory) throws IOException {
        double few = growth(true, 20, directory);
        double many = growth(true, 80, directory);
        System.out.printf(
                Locale.ROOT,
                "activations with gradient checkpointing: 20 layers %.1f MB, 80 layers %.1f MB%n",
                few / 1e6,
                many / 1e6);
        assertTrue(many < 2 * few, "20 layers " + few + ", 80 layers " + many);
    }

    private static long growth(boolean checkpointing, int layers, Path directory) throws IOException {
        Process process = ChildJvm.start(
                CheckpointingMemoryTest.class,
                directory.resolve("child.log"),
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                Boolean.toString(checkpointing),
                Integer.toString(layers));
        try (BufferedReader lines = process.inputReader()) {
            return Long.parseLong(lines.lines().reduce("", (a, b) -> b));
        }
    }

    public static void main(String[] arguments) throws IOException {
        int layers = Integer.parseInt(arguments[1]);
        LoraConfig lora = LoraConfig.of(4, 4, TargetModules.allLinear());
        boolean checkpointing = Boolean.parseBoolean(arguments[0]);
        try (CausalDecoder model = model(layers);
                Trainable trainable = Trainable.create(model, lora, config(checkpointing))) {
            trainable.setTraining(true);
            List<Batch> batches = List.of(batch());
            Trainer trainer = new Trainer(model, trainable, config(checkpointing), 10);
            giveBackWhatIsFreed();
            trainer.step(batches, 0);
            trainer.step(batches, 1);
            // the least: what the process does besides, such as compiling, adds to a step
            long least = Long.MAX_VALUE;
            for (int step = 2; step < 5; step++) {
                NativeHeap.trim();
                long before = ProcessStatus.bytes("VmRSS:");
                Files.writeString(Path.of("/proc/self/clear_refs"), "5");
                trainer.step(batches, step);
                least = Math.min(least, ProcessStatus.bytes("VmHWM:") - before);
            }
            System.out.println(least);
        }
    }

    /** Each tensor in pages of its own, so that the resident size is that of the tensors: M_MMAP_THRESHOLD of glibc's malloc.h. */
    private static void giveBackWhatIsFreed() {
        Function.getFunction("c", "mallopt").invokeInt(new Object[] {-3, 64 << 10});
    }
}
