package org.loft4j.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.cli.report.Table;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft adapters list}. */
@Command(
        name = "list",
        description = "Shows rank, alpha, targets, size and base model of adapters.",
        footerHeading = "%nExamples:%n",
        footer = {"  loft adapters list runs"})
final class AdaptersListCommand implements Verb {
    @Parameters(
            paramLabel = "DIR",
            arity = "1..*",
            description = "Directories of adapters, or directories that such lie in.")
    List<Path> directories;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public int run() throws IOException {
        List<Map<String, Object>> adapters = new ArrayList<>();
        for (Path directory : directories) {
            for (Path adapter : adapters(directory)) {
                adapters.add(described(adapter));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        if (common.json) {
            out.println(Json.text(adapters));
            return ExitCode.OK;
        }
        Table table = new Table("adapter", ">rank", ">alpha", "kind", "targets", ">size", "base model");
        for (Map<String, Object> adapter : adapters) {
            if (adapter.get("error") instanceof String fault) {
                table.row(String.valueOf(adapter.get("path")), "", "", "faulty", "", "", fault);
                continue;
            }
            table.row(
                    String.valueOf(adapter.get("path")),
                    String.valueOf(adapter.get("r")),
                    String.valueOf(adapter.get("lora_alpha")),
                    String.valueOf(adapter.get("kind")),
                    Stream.of(adapter.get("target_modules"), adapter.get("target_parameters"))
                            .map(String::valueOf)
                            .filter(names -> !names.isEmpty())
                            .collect(Collectors.joining(", ")),
                    Quantities.bytes(adapter.get("bytes") instanceof Long size ? size : 0),
                    String.valueOf(adapter.get("base_model_name_or_path")));
        }
        out.print(adapters.isEmpty() ? "no adapter was found\n" : table.toString());
        return ExitCode.OK;
    }

    private static List<Path> adapters(Path directory) throws IOException {
        if (PeftFiles.exists(directory)) {
            return List.of(directory);
        }
        try (Stream<Path> inside = Files.list(directory)) {
            return inside.filter(PeftFiles::exists).sorted().toList();
        }
    }

    /** An adapter, or what is wrong with it: one that is damaged does not hide the others. */
    private static Map<String, Object> described(Path directory) {
        try {
            return describe(directory);
        } catch (IOException e) {
            Map<String, Object> adapter = new LinkedHashMap<>();
            adapter.put("path", directory.toString());
            adapter.put("error", String.valueOf(e.getMessage()));
            return adapter;
        }
    }

    private static Map<String, Object> describe(Path directory) throws IOException {
        JsonObject config = Json.read(directory.resolve(PeftFiles.CONFIG));
        Map<String, Object> adapter = new LinkedHashMap<>();
        adapter.put("path", directory.toString());
        adapter.put("r", text(config.node("r")));
        adapter.put("lora_alpha", text(config.node("lora_alpha")));
        boolean dora = config.booleanOr("use_dora", false);
        adapter.put("kind", dora ? "DoRA" : config.booleanOr("use_rslora", false) ? "rsLoRA" : "LoRA");
        adapter.put("target_modules", text(config.node("target_modules")));
        adapter.put("target_parameters", text(config.node("target_parameters")));
        long bytes = 0;
        long elements = 0;
        Path weights = directory.resolve(PeftFiles.WEIGHTS);
        if (Files.isRegularFile(weights)) {
            try (SafetensorsFile file = SafetensorsFile.open(weights)) {
                for (String name : file.names()) {
                    bytes += file.info(name).bytes();
                    elements += file.info(name).elements();
                }
            }
        }
        adapter.put("parameters", elements);
        adapter.put("bytes", bytes);
        adapter.put("base_model_name_or_path", config.stringOr("base_model_name_or_path", ""));
        return adapter;
    }

    private static String text(@org.jspecify.annotations.Nullable JsonNode value) {
        if (value == null) {
            return "";
        }
        if (!value.isArray()) {
            return value.asText();
        }
        List<String> names = new ArrayList<>();
        value.forEach(name -> names.add(name.asText()));
        return String.join(",", names);
    }
}
