package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.AdapterCombination;
import org.loft4j.adapter.AdapterCombination.How;
import org.loft4j.adapter.AdapterCombination.Part;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft adapters combine}. */
@Command(
        name = "combine",
        description = "Makes one adapter of several on one base model: a weighted sum of what they change.",
        footerHeading = "%nExamples:%n",
        footer = {"  loft adapters combine --adapter code=0.7 --adapter chat=0.3 --how svd --rank 16 --output both"})
final class AdaptersCombineCommand implements Verb {
    @Option(
            names = "--adapter",
            paramLabel = "DIR=WEIGHT",
            required = true,
            description = "An adapter and its weight, of any sign; without =WEIGHT it is 1. Required, once for each.")
    List<String> adapters;

    @Option(
            names = "--how",
            paramLabel = "HOW",
            description =
                    "cat: the exact sum, at the sum of the ranks. svd: its best approximation at a rank. linear: sums of"
                            + " the factors as PEFT has them, for equal ranks. Default: cat.")
    How how = How.CAT;

    @Option(names = "--rank", paramLabel = "R", description = "Rank for svd. Default: the largest of the adapters.")
    @Nullable
    Integer rank;

    @Option(
            names = "--output",
            paramLabel = "DIR",
            required = true,
            description = "Directory of the new adapter. Required.")
    Path output;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        // null where the call lacks them
        for (String text : adapters == null ? List.<String>of() : adapters) {
            Part part = problems.of(() -> part(text));
            if (part != null && !PeftFiles.exists(part.directory())) {
                problems.add("--adapter " + part.directory() + " holds no " + PeftFiles.CONFIG);
            }
        }
        if (rank != null && how != How.SVD) {
            problems.add("--rank goes with --how svd");
        }
        if (output != null && Files.exists(output)) {
            problems.add("--output " + output + " exists: choose another directory");
        }
        NewDirectory.check("--output", output, problems);
    }

    @Override
    public int run() throws IOException {
        List<Part> parts = new ArrayList<>();
        for (String text : adapters) {
            parts.add(part(text));
        }
        int[] result = new int[1];
        List<String> warnings = new ArrayList<>();
        NewDirectory.write(output, PeftFiles.CONFIG, directory -> {
            result[0] = AdapterCombination.write(parts, how, rank, directory);
            warnings.addAll(
                    CombinedNotes.write(parts.stream().map(Part::directory).toList(), directory));
        });
        warnings.forEach(warning -> spec.commandLine().getErr().println("loft: " + warning));
        if (common.json) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("output", output.toString());
            tree.put("how", how.name().toLowerCase(Locale.ROOT));
            tree.put("r", result[0]);
            spec.commandLine().getOut().println(Json.text(tree));
        } else {
            spec.commandLine()
                    .getOut()
                    .println("combined " + parts.size() + " adapters into " + output + ", of rank " + result[0]);
        }
        return ExitCode.OK;
    }

    private static Part part(String text) {
        int equals = text.lastIndexOf('=');
        if (equals < 0 || Files.isDirectory(Path.of(text))) {
            return new Part(Path.of(text), 1);
        }
        try {
            return new Part(Path.of(text.substring(0, equals)), Double.parseDouble(text.substring(equals + 1)));
        } catch (NumberFormatException e) {
            throw new ConfigException("--adapter must be DIR=WEIGHT with a number, got " + text, e);
        }
    }
}
