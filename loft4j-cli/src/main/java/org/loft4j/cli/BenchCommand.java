package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.bench.BenchModel;
import org.loft4j.cli.bench.Contestant;
import org.loft4j.cli.bench.PeakProcess;
import org.loft4j.cli.bench.ScalingBench;
import org.loft4j.cli.bench.StepBench;
import org.loft4j.cli.bench.StepBench.Medians;
import org.loft4j.cli.report.Machine;
import org.loft4j.cli.report.Table;
import org.loft4j.io.Json;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.train.Method;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft bench}. */
@Command(
        name = "bench",
        description =
                "Measures what a training step costs on this machine: LoRA, LoFT, DoRA and full fine-tuning in turn in"
                        + " one process, and their peak memory, the median of eleven processes for LoRA and LoFT and of five for"
                        + " others (of one for the larger model). Runs on the processor.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft bench",
            "  loft bench --quick --json",
            "  loft bench --size large --rank 16 --rounds 5",
            "  loft bench --scaling"
        })
final class BenchCommand implements Verb {
    /** What --quick may take, without the start of the command line and its end. */
    private static final double MINUTE = 56;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            description = "bench (hidden 512, 8 layers, batch 4×256) or large (hidden 2048, 4 layers, batch 4×512)."
                    + " Default: ${DEFAULT-VALUE}.")
    String size = "bench";

    @Option(names = "--rank", paramLabel = "R", description = "Rank of the adapters. Default: ${DEFAULT-VALUE}.")
    int rank = 16;

    @Option(
            names = "--methods",
            paramLabel = "LIST",
            split = ",",
            converter = Words.OfMethod.class,
            description = "What is measured beside LoRA; the ratios of --json need loft, dora and full."
                    + " Default: loft,dora,full.")
    List<Method> methods = List.of(Method.LOFT, Method.DORA, Method.FULL);

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "Steps of each that are timed. Default: 9; 5 with --scaling, 3 with --quick.")
    int rounds;

    @Option(
            names = "--quick",
            description = "Fewer steps: an impression within a minute, unless --rounds asks for more.")
    boolean quick;

    @Option(
            names = "--scaling",
            description =
                    "What LoFT takes beyond LoRA, over rank, size of the matrices, tokens, layers and width, and what"
                            + " that foretells of models of 7 and 70 billion parameters, in place of all else. Takes six to ten"
                            + " minutes.")
    boolean scaling;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        problems.of(() -> BenchModel.parse("size", size));
        if (rank < 1) {
            problems.add("r must be at least 1, got " + rank);
        }
        if (rounds < 0) {
            problems.add("rounds must be at least 1, got " + rounds);
        }
        for (String own : List.of("--size", "--rank", "--methods", "--quick")) {
            if (scaling && spec.commandLine().getParseResult().hasMatchedOption(own)) {
                problems.add("--scaling has models, ranks and methods of its own: leave out " + own);
            }
        }
    }

    @Override
    public int run() throws IOException {
        if (scaling) {
            return scale();
        }
        BenchModel shape = BenchModel.parse("size", size);
        int count = rounds > 0 ? rounds : quick ? 3 : 9;
        double most = quick && rounds == 0 ? MINUTE : Double.POSITIVE_INFINITY;
        long start = System.nanoTime();
        PrintWriter err = spec.commandLine().getErr();
        err.println("loft: " + shape.describe() + ", r = " + rank + ", " + count + " rounds"
                + (most == MINUTE ? " at most" : ""));
        List<Contestant> contestants = contestants();
        // memory first: the children then have the machine to themselves
        Map<String, Long> peaks = new LinkedHashMap<>();
        for (Contestant contestant : contestants) {
            if (isCompared(contestant) || !quick && contestant.base() == Dtype.F32) {
                err.println("loft: peak memory of " + contestant.name());
                peaks.put(contestant.name(), peak(shape, contestant, most));
            }
        }
        err.println("loft: steps");
        StepBench.Result result =
                new StepBench(shape, rank, count).run(contestants, most - (System.nanoTime() - start) / 1e9);
        if (result.rounds() < count) {
            err.println("loft: " + Quantities.of(result.rounds(), "round")
                    + ", for the minute is over: --rounds takes more");
        }
        PrintWriter out = spec.commandLine().getOut();
        if (common.json) {
            out.println(Json.text(tree(shape, result, peaks)));
        } else {
            print(out, result, peaks);
        }
        return ExitCode.OK;
    }

    private int scale() throws IOException {
        PrintWriter err = spec.commandLine().getErr();
        ScalingReport report =
                new ScalingReport(ScalingBench.run(rounds > 0 ? rounds : 5, next -> err.println("loft: " + next)));
        PrintWriter out = spec.commandLine().getOut();
        out.print(common.json ? Json.text(report.tree()) + "\n" : report.text());
        return ExitCode.OK;
    }

    private List<Contestant> contestants() {
        List<Contestant> all = new ArrayList<>(List.of(Contestant.LORA));
        methods.stream()
                .filter(method -> method != Method.LORA)
                .map(Contestant::of)
                .forEach(all::add);
        if (!quick && methods.contains(Method.LOFT)) {
            all.add(Contestant.LOFT_BFLOAT16);
        }
        if (!quick) {
            all.add(Contestant.LORA_CHECKPOINTING);
        }
        all.add(Contestant.LORA_BFLOAT16);
        return all;
    }

    /** Whether a ratio is told of its memory. */
    private static boolean isCompared(Contestant contestant) {
        return contestant.equals(Contestant.LORA) || contestant.method() == Method.LOFT;
    }

    /** The median of a few processes: how the C library cuts its memory depends on which thread was first, and moves a peak by some percent. */
    private long peak(BenchModel shape, Contestant contestant, double most) throws IOException {
        boolean large = shape.equals(BenchModel.LARGE);
        int processes = large && (quick || !isCompared(contestant)) ? 1 : quick ? 3 : isCompared(contestant) ? 11 : 5;
        // what a step leaves behind moves the peaks of the next two or three
        int steps = large ? 3 : quick ? 2 : 6;
        long[] peaks = new long[processes];
        for (int i = 0; i < processes; i++) {
            long start = System.nanoTime();
            peaks[i] = PeakProcess.peak(shape, contestant, rank, steps);
            // three of each of two are to take a third of the time
            if (i == 0 && (System.nanoTime() - start) / 1e9 > most / 18) {
                return peaks[0];
            }
        }
        Arrays.sort(peaks);
        return peaks[processes / 2];
    }

    /** LoFT's peak over LoRA's; null where LoFT was not measured. */
    private static @Nullable Double memoryRatio(Map<String, Long> peaks, Contestant contestant) {
        Long loft = peaks.get(contestant.name());
        Long lora = peaks.get(Contestant.LORA.name());
        return loft == null || lora == null ? null : (double) loft / lora;
    }

    private Map<String, Object> tree(BenchModel shape, StepBench.Result result, Map<String, Long> peaks) {
        Map<String, @Nullable Object> ratios = new LinkedHashMap<>();
        ratios.put("loft_step_over_lora_step", median(result, Contestant.of(Method.LOFT), Medians::overLora));
        ratios.put("loft_memory_over_lora_memory", memoryRatio(peaks, Contestant.of(Method.LOFT)));
        ratios.put("loft_bf16_cross_terms_memory_over_lora_memory", memoryRatio(peaks, Contestant.LOFT_BFLOAT16));
        ratios.put("share_of_product_rate", result.shareOfProductRate());
        ratios.put("bf16_step_over_f32_step", median(result, Contestant.LORA_BFLOAT16, Medians::overLora));
        ratios.put("checkpointing_step_over_step", median(result, Contestant.LORA_CHECKPOINTING, Medians::overLora));
        Map<String, @Nullable Object> seconds = new LinkedHashMap<>();
        for (Method method : List.of(Method.LORA, Method.LOFT, Method.DORA, Method.FULL)) {
            seconds.put(method.word(), median(result, Contestant.of(method), Medians::step));
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("machine", Machine.described());
        tree.put("model", shape.describe());
        tree.put("rank", rank);
        tree.put("rounds", result.rounds());
        tree.put("ratios", ratios);
        tree.put("seconds", seconds);
        tree.put("steps", result.medians());
        tree.put("product_gflops", result.productRate());
        tree.put("share_of_own_products", result.shareOfOwnProducts());
        tree.put("peak_resident_bytes", peaks);
        return tree;
    }

    /** Null where it was not measured. */
    private static @Nullable Double median(
            StepBench.Result result, Contestant contestant, ToDoubleFunction<Medians> part) {
        Medians medians = result.medians().get(contestant.name());
        return medians == null ? null : part.applyAsDouble(medians);
    }

    private static void print(PrintWriter out, StepBench.Result result, Map<String, Long> peaks) {
        Table table =
                new Table("method", ">step s", ">forward", ">backward", ">clip+optimizer", ">/ LoRA", ">peak memory");
        result.medians().forEach((name, medians) -> {
            Long peak = peaks.get(name);
            table.row(
                    name,
                    number("%.3f", medians.step()),
                    number("%.3f", medians.forward()),
                    number("%.3f", medians.backward()),
                    number("%.3f", medians.optimizer()),
                    number("%.3f", medians.overLora()),
                    peak == null ? "" : Quantities.bytes(peak));
        });
        out.print(table);
        Double memory = memoryRatio(peaks, Contestant.of(Method.LOFT));
        Double half = memoryRatio(peaks, Contestant.LOFT_BFLOAT16);
        if (memory != null) {
            out.println("LoFT's peak memory is " + number("%.3f", memory) + " × LoRA's"
                    + (half == null ? "" : ", with cross terms in bfloat16 " + number("%.3f", half)));
        }
        out.println("float32 products in between"
                + Engine.blasKernels()
                        .map(kernels -> ", by OpenBLAS' kernels for " + kernels)
                        .orElse("")
                + ": " + number("%.0f", result.productRate())
                + " GFLOP/s, of which LoRA's step reaches " + number("%.0f %%", 100 * result.shareOfProductRate())
                + "; the products of its shapes by themselves reach "
                + number("%.0f %%", 100 * result.shareOfOwnProducts()));
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
