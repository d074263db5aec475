package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ProcessStatus;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The bytes of a frozen base with the shapes of Llama 3.2 1B, by arithmetic and as the process takes them. */
class QuantizedMemoryTest {
    private static final int LAYERS = 16;

    /** {@code (out, in)} of the linear layers of one block: q, k, v, o, gate, up, down. */
    private static final long[][] SHAPES = {
        {2048, 2048}, {512, 2048}, {512, 2048}, {2048, 2048}, {8192, 2048}, {8192, 2048}, {2048, 8192}
    };

    private static final long ROWS = 64;

    /** What a process took: bytes that the matrices say they hold, resident growth by them, and by a step at its peak. */
    private record Usage(long stored, long resident, long step) {}

    private static long numbers() {
        return Stream.of(SHAPES).mapToLong(shape -> shape[0] * shape[1]).sum();
    }

    private static QuantizedWeight random(LoadIn loadIn, long[] shape, long seed) {
        try (NativeScope scope = new NativeScope()) {
            Tensor matrix = Tensors.empty(Dtype.F32, DeviceSpec.CPU, shape)
                    .normal_(0, 0.02, new GeneratorOptional(ParameterSpec.generator(seed)));
            return QuantizedWeight.of(loadIn, matrix, Dtype.BF16, false);
        }
    }

    /** The blocks of a model without norms and softmax: every product is there, forward and backward. */
    private static void step(List<QuantizedWeight> weights) {
        try (NativeScope scope = new NativeScope()) {
            // what a block makes is needed to the end of the step here
            Tensor x = torch.ones(new long[] {ROWS, 2048}, Tensors.options(Dtype.BF16, DeviceSpec.CPU));
            x.set_requires_grad(true);
            Tensor hidden = x;
            for (int i = 0; i < weights.size(); i += SHAPES.length) {
                Tensor attended = weights.get(i).product(hidden, null);
                attended = attended.add(weights.get(i + 1).product(hidden, null).repeat(1, 4));
                attended = attended.add(weights.get(i + 2).product(hidden, null).repeat(1, 4));
                attended = weights.get(i + 3).product(attended, null);
                Tensor wide = weights.get(i + 4)
                        .product(attended, null)
                        .mul(weights.get(i + 5).product(attended, null));
                hidden = torch.tanh(weights.get(i + 6).product(wide, null)).add(hidden);
            }
            hidden.mul(new Scalar(0.01)).sum().backward();
            if (!x.grad().isfinite().all().item_bool()) {
                throw new AssertionError("the gradient is not finite");
            }
        }
    }

    private static Usage measure(LoadIn loadIn, int layers, Path directory) throws IOException {
        Process process = ChildJvm.start(
                QuantizedMemoryTest.class,
                directory.resolve("child.log"),
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"),
                loadIn.name(),
                Integer.toString(layers));
        try (BufferedReader lines = process.inputReader()) {
            String last = lines.lines().reduce("", (a, b) -> b);
            String[] sizes = last.split(" ");
            assertEquals(3, sizes.length, last);
            Usage usage = new Usage(Long.parseLong(sizes[0]), Long.parseLong(sizes[1]), Long.parseLong(sizes[2]));
            System.out.printf(
                    "%d layers in %s: %.1f MB stored (%.4f of bfloat16), %.1f MB resident, a step %.1f MB more%n",
                    layers,
                    loadIn.word(),
                    usage.stored / 1e6,
                    usage.stored / (2.0 * layers * numbers()),
                    usage.resident / 1e6,
                    usage.step / 1e6);
            return usage;
        }
    }

    public static void main(String[] arguments) throws IOException {
        LoadIn loadIn = LoadIn.valueOf(arguments[0]);
        int layers = Integer.parseInt(arguments[1]);
        // libtorch's code and thread pool come into memory with the first product
        try (NativeScope scope = new NativeScope();
                QuantizedWeight warm = random(loadIn, new long[] {256, 256}, 0)) {
            Tensor x = torch.ones(new long[] {ROWS, 256}, Tensors.options(Dtype.BF16, DeviceSpec.CPU));
            x.set_requires_grad(true);
            warm.product(x, null).sum().backward();
        }
        long before = ProcessStatus.bytes("VmRSS:");
        List<QuantizedWeight> weights = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            for (int i = 0; i < SHAPES.length; i++) {
                weights.add(random(loadIn, SHAPES[i], 100L * layer + i));
            }
        }
        long loaded = ProcessStatus.bytes("VmRSS:");
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        step(weights);
        long peak = ProcessStatus.bytes("VmHWM:");
        long stored = weights.stream().mapToLong(QuantizedWeight::bytes).sum();
        System.out.println(stored + " " + (loaded - before) + " " + (peak - loaded));
    }

    /** Nothing is allocated: the formats' own arithmetic. */
    @Test
    void nf4TakesAQuarterAndAHundredthOfBfloat16() {
        long bytes = 0;
        for (long[] shape : SHAPES) {
            long count = shape[0] * shape[1];
            bytes += count / 2 + count / 64 + 4 * (count / 64 / 256) + 4;
        }
        try (NativeScope scope = new NativeScope();
                QuantizedWeight smallest = random(LoadIn.NF4, SHAPES[1], 1)) {
            long count = SHAPES[1][0] * SHAPES[1][1];
            assertEquals(count / 2 + count / 64 + 4 * (count / 64 / 256) + 4, smallest.bytes());
        }
        double ratio = bytes / (2.0 * numbers());
        System.out.printf(
                "linear layers of a 1 B model: %.1f MB in NF4, %.4f of bfloat16%n", LAYERS * bytes / 1e6, ratio);
        assertTrue(ratio <= 0.30, "ratio " + ratio);
    }

    @EnabledOnOs(OS.LINUX)
    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void twoLayersTakeWhatTheySayAndAStepNoWholeMatrix(LoadIn loadIn, @TempDir Path directory) throws IOException {
        check(measure(loadIn, 2, directory), 2);
    }

    @EnabledOnOs(OS.LINUX)
    @Test
    @Tag("slow")
    void aWholeBaseTakesWhatItSays(@TempDir Path directory) throws IOException {
        Usage usage = measure(LoadIn.NF4, LAYERS, directory);
        check(usage, LAYERS);
        assertTrue(usage.resident <= 0.30 * 2 * LAYERS * numbers());
    }

    private static void check(Usage usage, int layers) {
        assertTrue(usage.resident < usage.stored + (24L << 20), "resident " + usage);
        // outputs of all operations of a block, 64 rows in bfloat16, live to the end of the step
        long activations = layers * ROWS * 2 * (6 * 8192 + 2048);
        // one matrix of 8192 × 2048 in bfloat16 would be 34 MB, the matrices of a block 122 MB
        assertTrue(usage.step < activations + (32L << 20), "step " + usage);
    }
}
