package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Table;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft verify}. */
@Command(
        name = "verify",
        description = {
            "Runs a model on given inputs and compares logits, loss and gradients with expected tensors.",
            "",
            "The input file holds input_ids and, where there are any, attention_mask, token_type_ids and labels. The expected file"
                    + " holds PREFIX.logits, PREFIX.loss, PREFIX.grad.<parameter>: all that is there is compared. Of a language"
                    + " model, only positions whose attention_mask is 1 count."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft verify --model DIR --input input.safetensors --expected expected.safetensors",
            "  loft verify --model DIR --adapter DIR --input input.safetensors --expected expected.safetensors \\",
            "      --prefix merged --json"
        })
final class VerifyCommand implements Verb {
    private static final List<String> PREFIXES = List.of("base", "lora", "merged");

    @Option(
            names = "--input",
            paramLabel = "FILE",
            required = true,
            description = "safetensors file of the inputs. Required.")
    Path input;

    @Option(
            names = "--expected",
            paramLabel = "FILE",
            required = true,
            description = "safetensors file of what another implementation made of them. Required.")
    Path expected;

    @Option(
            names = "--prefix",
            paramLabel = "WORD",
            description =
                    "base: the model alone; lora: with its adapter; merged: with the adapter merged into its weights;"
                            + " another word: the model as it is. Default: all of the three that the expected file has and the call allows.")
    @Nullable
    String prefix;

    @Option(
            names = "--tolerance",
            paramLabel = "T",
            description = "Largest difference, absolute for logits and loss, relative (Frobenius norm) for gradients."
                    + " Default: 2e-5 for logits, 1e-5 for the loss, 1e-4 for gradients. A gradient whose norm is below 1e-6 is noise and"
                    + " compared absolutely.")
    @Nullable
    Double tolerance;

    @Option(names = "--all", description = "One line for each gradient, instead of the worst of them.")
    boolean all;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Device")
    DeviceFlags device;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        device.check(problems);
        ModelFlags.requireFile(problems, "--input", input);
        ModelFlags.requireFile(problems, "--expected", expected);
        if (tolerance != null && !(tolerance >= 0)) {
            problems.add("tolerance must be at least 0, got " + tolerance);
        }
        if (model.adapter == null && ("lora".equals(prefix) || "merged".equals(prefix))) {
            problems.add("--prefix " + prefix + " needs --adapter DIR");
        }
    }

    @Override
    public int run() throws IOException {
        Verification.Tolerances tolerances = tolerance == null
                ? new Verification.Tolerances(2e-5, 1e-5, 1e-4)
                : new Verification.Tolerances(tolerance, tolerance, tolerance);
        Map<String, List<Difference>> results = new LinkedHashMap<>();
        try (SafetensorsFile inputs = SafetensorsFile.open(input);
                SafetensorsFile wanted = SafetensorsFile.open(expected);
                LoadedModel loaded = LoadedModel.open(model, device)) {
            if (!loaded.model().hasHead()) {
                throw new ConfigException("logits, loss and gradients are verified, and a model for "
                        + loaded.model().task().word() + " has no logits");
            }
            Verification verification = new Verification(loaded, inputs, wanted, tolerances);
            List<String> prefixes = (prefix != null ? Stream.of(prefix) : PREFIXES.stream())
                    .filter(word -> model.adapter != null || !PREFIXES.contains(word) || word.equals("base"))
                    .filter(verification::knows)
                    .toList();
            if (prefixes.isEmpty()) {
                throw new CheckpointException(
                        expected,
                        "holds nothing to compare with"
                                + (prefix == null ? "" : ": no tensor named " + prefix + ".logits"));
            }
            for (String word : prefixes) {
                results.put(word, verification.run(word));
            }
        }
        boolean passed = results.values().stream().flatMap(List::stream).allMatch(Difference::passed);
        PrintWriter out = spec.commandLine().getOut();
        if (common.json) {
            out.println(Json.text(tree(results, passed)));
        } else {
            print(results, passed, out);
        }
        return passed ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    private void print(Map<String, List<Difference>> results, boolean passed, PrintWriter out) {
        Table table = new Table("tensor", ">max abs", ">relative", ">bound", "");
        results.forEach((word, differences) -> {
            List<Difference> gradients = new ArrayList<>();
            for (Difference difference : differences) {
                if (all || !difference.passed() || !isGradient(difference)) {
                    row(table, difference.name(), difference);
                } else {
                    gradients.add(difference);
                }
            }
            gradients.stream()
                    .max(Comparator.comparingDouble(Difference::maxAbs))
                    .ifPresent(
                            worst -> row(table, gradients.size() + " gradients, the largest: " + worst.name(), worst));
            gradients.stream()
                    .filter(difference -> difference.bound().relative())
                    .max(Comparator.comparingDouble(Difference::relative))
                    .ifPresent(worst -> row(table, "  and, relative: " + worst.name(), worst));
        });
        out.print(table);
        long failed = results.values().stream()
                .flatMap(List::stream)
                .filter(difference -> !difference.passed())
                .count();
        out.println(passed ? "all within bounds" : failed + " past the bound");
    }

    private static boolean isGradient(Difference difference) {
        return difference.name().contains(".grad.") || difference.name().contains(".fullgrad.");
    }

    private static void row(Table table, String name, Difference difference) {
        Difference.Bound bound = difference.bound();
        String verdict =
                difference.fault() != null ? difference.fault() : difference.passed() ? "ok" : "PAST THE BOUND";
        table.row(
                name,
                number(difference.maxAbs()),
                number(difference.relative()),
                number(bound.tolerance()) + (bound.relative() ? " rel" : " abs"),
                verdict);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1e", value);
    }

    private Map<String, Object> tree(Map<String, List<Difference>> results, boolean passed) {
        List<Map<String, Object>> tensors = new ArrayList<>();
        results.values().stream().flatMap(List::stream).forEach(difference -> {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", difference.name());
            entry.put("max_abs", finite(difference.maxAbs()));
            entry.put("relative", finite(difference.relative()));
            entry.put("tolerance", difference.bound().tolerance());
            entry.put("compared", difference.bound().relative() ? "relative" : "absolute");
            entry.put("passed", difference.passed());
            if (difference.fault() != null) {
                entry.put("fault", difference.fault());
            }
            tensors.add(entry);
        });
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("passed", passed);
        tree.put("prefixes", List.copyOf(results.keySet()));
        tree.put("tensors", tensors);
        return tree;
    }

    /** JSON has no word for what is not a number. */
    private static @Nullable Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
