package org.loft4j.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.loft4j.bench.TrainingRun.Seconds;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;

/**
 * The cost of a training step by method on the bench model: Llama, hidden 512, 8 layers, 8 heads, intermediate 1408,
 * vocabulary 8192, float32, batch 4×256, adapters on all linear layers. The first method is the base of the ratios.
 *
 * <pre>
 * StepBench [--rank 16] [--rounds 9] [--methods lora,loft]   seconds, the methods in turn in one process
 * StepBench --memory [--rank 16] [--methods lora,loft]       peak resident memory, one process a method
 * </pre>
 */
public final class StepBench {
    private static final int BATCH = 4;
    private static final int SEQUENCE = 256;

    private StepBench() {}

    public static void main(String[] args) throws Exception {
        Map<String, String> options = options(args);
        int rank = Integer.parseInt(options.getOrDefault("rank", "16"));
        int rounds = Integer.parseInt(options.getOrDefault("rounds", "9"));
        List<String> methods =
                List.of(options.getOrDefault("methods", "lora,loft").split(","));
        String peakOf = options.get("peak-of");
        if (peakOf != null) {
            System.out.println(peakMiB(peakOf, rank));
        } else if (options.containsKey("memory")) {
            memory(methods, rank);
        } else {
            seconds(methods, rank, rounds);
        }
    }

    private static LlamaConfig benchModel() {
        return LlamaConfig.of(8192, 512, 8, 8, 8, 1408, SEQUENCE);
    }

    private static void seconds(List<String> methods, int rank, int rounds) {
        LlamaConfig config = benchModel();
        System.out.printf(Locale.ROOT, "bench model, r = %d, %d threads, %d rounds%n", rank, Engine.threads(), rounds);
        List<TrainingRun> runs = new ArrayList<>();
        try (CausalDecoder model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1)) {
            for (String method : methods) {
                runs.add(new TrainingRun(method, model, config, rank, BATCH, SEQUENCE));
            }
            Seconds[][] taken = new Seconds[methods.size()][rounds];
            double[] rates = new double[rounds];
            for (int round = -2; round < rounds; round++) {
                for (int i = 0; i < runs.size(); i++) {
                    Seconds seconds = runs.get(i).step();
                    if (round >= 0) {
                        taken[i][round] = seconds;
                    }
                }
                if (round >= 0) {
                    rates[round] = TrainingRun.productRate();
                }
            }
            System.out.println("method        step s  forward  backward  clip+optimizer  ratio to the first, in pairs");
            for (int i = 0; i < runs.size(); i++) {
                double[] ratios = new double[rounds];
                for (int round = 0; round < rounds; round++) {
                    ratios[round] = taken[i][round].total() / taken[0][round].total();
                }
                System.out.printf(
                        Locale.ROOT,
                        "%-12s  %6.3f  %7.3f  %8.3f  %14.3f  %5.3f%n",
                        methods.get(i),
                        median(taken[i], Seconds::total),
                        median(taken[i], Seconds::forward),
                        median(taken[i], Seconds::backward),
                        median(taken[i], Seconds::optimizer),
                        median(ratios));
            }
            System.out.printf(
                    Locale.ROOT, "float32 product rate in the same run: median %.0f GFLOP/s%n", median(rates));
            runs.forEach(TrainingRun::close);
        }
    }

    private static void memory(List<String> methods, int rank) throws IOException, InterruptedException {
        double base = 0;
        System.out.println("method        peak resident MiB  ratio");
        for (String method : methods) {
            double mib = peakInChild(method, rank);
            base = base == 0 ? mib : base;
            System.out.printf(Locale.ROOT, "%-12s  %17.0f  %5.3f%n", method, mib, mib / base);
        }
    }

    private static double peakInChild(String method, int rank) throws IOException, InterruptedException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> command = List.of(
                java.toString(),
                "-Xmx256m",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                StepBench.class.getName(),
                "--peak-of",
                method,
                "--rank",
                Integer.toString(rank));
        Process child = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (child.waitFor() != 0) {
            throw new IOException("the run of " + method + " failed: " + out);
        }
        return Double.parseDouble(out.strip());
    }

    /** Peak resident size of this process in MiB after a few steps, as Linux counts it. */
    private static double peakMiB(String method, int rank) throws IOException {
        LlamaConfig config = benchModel();
        try (CausalDecoder model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1);
                TrainingRun run = new TrainingRun(method, model, config, rank, BATCH, SEQUENCE)) {
            for (int i = 0; i < 6; i++) {
                run.step();
            }
        }
        String peak = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .findFirst()
                .orElseThrow();
        return Double.parseDouble(peak.replaceAll("[^0-9]", "")) / 1024;
    }

    private static double median(Seconds[] taken, ToDoubleFunction<Seconds> part) {
        return median(Arrays.stream(taken).mapToDouble(part).toArray());
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i < args.length; i++) {
            String name = Objects.requireNonNull(args[i]).replaceFirst("^--", "");
            boolean flag = i + 1 == args.length || args[i + 1].startsWith("--");
            options.put(name, flag ? "" : args[++i]);
        }
        return options;
    }
}
