package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ProcessStatus;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Peak memory of the loss over 131072 tokens of vocabulary, of 1024 targets: the logits alone are 512 MiB. As a program it
 * tells the seconds: {@code time HIDDEN ROUNDS FULL ROWS…} with numbers of positions at a time.
 */
class LanguageModelLossMemoryTest {
    private static final int VOCABULARY = 1 << 17;
    private static final int TOKENS = 1024;

    private static CausalDecoder model(int hidden) {
        return LlamaModel.random(
                LlamaConfig.of(VOCABULARY, hidden, 1, 4, 4, 2 * hidden, TOKENS), DeviceSpec.CPU, Dtype.F32, 1);
    }

    private static Tensor ids() {
        return torch.randint(VOCABULARY, new long[] {4, TOKENS / 4}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
    }

    private static void whole(CausalDecoder model, Tensor ids) {
        try (NativeScope scope = new NativeScope()) {
            Losses.causalLmSum(model.logits(new TokenInput(ids, null)), ids, 0).backward();
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theLogitsAreNeverWhole(@TempDir Path directory) throws IOException {
        long whole = growth("whole", directory);
        long parts = growth("parts", directory);
        System.out.printf(
                Locale.ROOT,
                "peak of the loss over 131072 tokens of vocabulary and 1024 positions: %.0f MB whole, %.0f MB in parts%n",
                whole / 1e6,
                parts / 1e6);
        assertTrue(whole > 1L << 30, "whole: " + whole);
        assertTrue(parts < 384L << 20, "in parts: " + parts);
    }

    private static long growth(String how, Path directory) throws IOException {
        Process process = ChildJvm.start(
                LanguageModelLossMemoryTest.class,
                directory.resolve("child.log"),
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"),
                how);
        try (BufferedReader lines = process.inputReader()) {
            String[] sizes = lines.lines().reduce("", (a, b) -> b).split(" ");
            assertEquals(2, sizes.length);
            return Long.parseLong(sizes[1]) - Long.parseLong(sizes[0]);
        }
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments[0].equals("time")) {
            time(Arrays.stream(arguments).skip(1).mapToInt(Integer::parseInt).toArray());
            return;
        }
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = model(128);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 4, TargetModules.allLinear()), 1)) {
            Tensor ids = ids();
            Tensor few = ids.narrow(1, 0, 2);
            new LanguageModelLoss(model).backward(new TokenInput(few, null), few, 1, 0);
            long before = ProcessStatus.bytes("VmRSS:");
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
            if (arguments[0].equals("whole")) {
                whole(model, ids);
            } else {
                new LanguageModelLoss(model).backward(new TokenInput(ids, null), ids, 1, 0);
            }
            assertTrue(adapter.isAttached());
            System.out.println(before + " " + ProcessStatus.bytes("VmHWM:"));
        }
    }

    private static void time(int[] arguments) {
        int hidden = arguments[0];
        int rounds = arguments[1];
        int[] rows = Arrays.stream(arguments).skip(3).toArray();
        double[][] seconds = new double[rows.length + 1][rounds];
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = model(hidden);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 4, TargetModules.allLinear()), 1)) {
            if (arguments[2] == 1) {
                adapter.detach();
                model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            }
            for (int round = -1; round < rounds; round++) {
                Tensor ids = ids();
                for (int i = 0; i <= rows.length; i++) {
                    try (NativeScope step = new NativeScope()) {
                        model.weights()
                                .asMap()
                                .values()
                                .forEach(weight -> weight.mutable_grad().reset());
                        long start = System.nanoTime();
                        if (i == 0) {
                            whole(model, ids);
                        } else {
                            LanguageModelLoss.ofRows(model, rows[i - 1]).backward(new TokenInput(ids, null), ids, 1, 0);
                        }
                        if (round >= 0) {
                            seconds[i][round] = (System.nanoTime() - start) / 1e9;
                        }
                    }
                }
            }
        }
        for (int i = 0; i <= rows.length; i++) {
            Arrays.sort(seconds[i]);
            System.out.printf(
                    Locale.ROOT,
                    "%-6s %.3f s, %.3f of the whole%n",
                    i == 0 ? "whole" : "" + rows[i - 1],
                    seconds[i][rounds / 2],
                    seconds[i][rounds / 2] / seconds[0][rounds / 2]);
        }
    }
}
