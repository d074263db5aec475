package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.cli.report.Pasted;
import org.loft4j.cli.report.Table;
import org.loft4j.export.AdapterDoctor;
import org.loft4j.export.Diagnosis;
import org.loft4j.export.Finding;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.ModelDoctor;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.train.EndOfTurn;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft doctor}. */
@Command(
        name = "doctor",
        description =
                "Says whether PEFT, vLLM and llama.cpp will load an adapter or a model, and what to change. Exit status 1 where"
                        + " none is known to.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft doctor run",
            "  loft doctor run --model models/SmolLM2-135M",
            "  loft doctor HuggingFaceTB/SmolLM2-135M"
        })
final class DoctorCommand implements Verb {
    @Parameters(
            paramLabel = "MODEL",
            description = "Directory of an adapter or a model, or the name of a model in the cache of the hub.")
    ModelReference examined;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description =
                    "The base model under an adapter, a directory or a name likewise. Default: the one that the adapter"
                            + " names, where that is on this machine.")
    @Nullable
    ModelReference model;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        // null where the call lacks it
        String fault = examined == null ? null : HubAccess.fault(spec, examined);
        if (fault != null) {
            problems.add(fault);
        }
        ModelFlags.requireModel(problems, spec, model);
    }

    @Override
    public int run() throws IOException {
        Path directory = here(examined);
        Diagnosis diagnosis = isAdapter(directory)
                ? AdapterDoctor.examine(directory, model == null ? named(directory) : here(model))
                : ModelDoctor.examine(directory, Models::check, EndOfTurn::unnamedIn, SentenceVectors::of);
        if (common.json) {
            spec.commandLine().getOut().println(Json.text(tree(directory, diagnosis)));
        } else {
            print(diagnosis);
        }
        return diagnosis.loadsSomewhere() ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    private static boolean isAdapter(Path directory) throws CheckpointException {
        boolean adapter = PeftFiles.exists(directory);
        if (!adapter && !Files.exists(directory.resolve("config.json"))) {
            PeftFiles.requireNoneWithin(directory);
            throw new CheckpointException(
                    directory,
                    "holds neither config.json, which every model has, nor " + PeftFiles.CONFIG
                            + ", which every adapter has"
                            + (ModelDirectory.exists(directory)
                                    ? ": copy the config.json of the model here whose weights these are"
                                    : ""));
        }
        return adapter;
    }

    /** Downloads nothing: what is to be looked at is there. */
    private Path here(ModelReference reference) {
        Path directory = HubAccess.find(spec, reference);
        if (directory == null) {
            throw new ConfigException(reference + " is not a directory, and not in the cache of the hub: "
                    + Pasted.command() + " download " + reference);
        }
        return directory;
    }

    /** The base model that an adapter names; null where it is not on this machine. A directory has no revisions. */
    private @Nullable Path named(Path adapter) throws IOException {
        JsonObject config = Json.read(adapter.resolve(PeftFiles.CONFIG));
        PeftMetadata metadata =
                new PeftMetadata(config.stringOr("base_model_name_or_path", ""), config.findString("revision"));
        Path found = new ModelReference(metadata.baseModelNameOrPath()).directory();
        if (found == null) {
            found = HubAccess.find(spec, new ModelReference(metadata.baseModel()));
        }
        return found != null && Files.isRegularFile(found.resolve("config.json")) ? found : null;
    }

    private void print(Diagnosis diagnosis) {
        PrintWriter out = spec.commandLine().getOut();
        Table table = new Table("program", "loads", "why");
        for (Consumer consumer : Consumer.values()) {
            String why = diagnosis.of(consumer).stream()
                    .filter(finding -> finding.severity() != Finding.Severity.NOTE)
                    .map(Finding::what)
                    .collect(Collectors.joining("; "));
            table.row(consumer.label(), diagnosis.verdict(consumer).words(), why);
        }
        out.println(examined + ": " + diagnosis.kind());
        out.print(table);
        Map<String, Set<String>> once = new LinkedHashMap<>();
        for (Finding finding : diagnosis.findings()) {
            String text = finding.what() + (finding.remedy().isEmpty() ? "" : "\n      → " + finding.remedy());
            once.computeIfAbsent(text, key -> new LinkedHashSet<>())
                    .add(finding.consumer().label());
        }
        if (!once.isEmpty()) {
            out.println();
        }
        once.forEach((text, consumers) -> out.println("  " + String.join(", ", consumers) + ": " + Shown.lines(text)));
    }

    private Map<String, Object> tree(Path directory, Diagnosis diagnosis) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("path", directory.toString());
        tree.put("kind", diagnosis.kind());
        Map<String, Object> verdicts = new LinkedHashMap<>();
        for (Consumer consumer : Consumer.values()) {
            verdicts.put(consumer.label(), diagnosis.verdict(consumer).words());
        }
        tree.put("loads", verdicts);
        List<Map<String, String>> findings = new ArrayList<>();
        for (Finding finding : diagnosis.findings()) {
            Map<String, String> entry = new LinkedHashMap<>();
            entry.put("program", finding.consumer().label());
            entry.put("severity", finding.severity().toString());
            entry.put("what", finding.what());
            entry.put("remedy", finding.remedy());
            findings.add(entry);
        }
        tree.put("findings", findings);
        return tree;
    }
}
