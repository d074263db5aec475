package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Message;
import org.loft4j.export.ExportReport;
import org.loft4j.export.GgufAdapter;
import org.loft4j.export.GgufModel;
import org.loft4j.export.MergedTensors;
import org.loft4j.export.PooledVectors;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.train.EndOfTurn;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft export}. */
@Command(
        name = "export",
        description =
                "Writes a model as one GGUF file for llama.cpp, tokenizer and chat template included. An adapter is merged into"
                        + " it, or written by itself with --adapter-only.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft export --to gguf --model models/SmolLM2-135M --output smollm2.gguf",
            "  loft export --to gguf --model models/SmolLM2-135M --adapter run --dtype q8_0 --output mine.gguf",
            "  loft export --to gguf --adapter run --adapter-only --output adapter.gguf"
        })
final class ExportCommand implements Verb {
    private static final List<Message> QUESTION = List.of(Message.of("user", "?"));

    @Option(names = "--to", paramLabel = "FORMAT", description = "The format: gguf. Default: ${DEFAULT-VALUE}.")
    String to = "gguf";

    @Option(names = "--output", paramLabel = "FILE", required = true, description = "The file to write. Required.")
    Path output;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description =
                    "Type of the matrices: f32, f16, bf16 or q8_0. Default: the type of the model's file, and f32 for"
                            + " an adapter alone.")
    @Nullable
    String dtype;

    @Option(
            names = "--adapter-only",
            description = "Write the adapter alone, for llama.cpp's --lora; of its model config.json alone is read.")
    boolean adapterOnly;

    @Option(
            names = "--tokenizer-pre",
            paramLabel = "NAME",
            description =
                    "llama.cpp's name of the rule that cuts texts into words. Default: recognised by the tokenizer.")
    @Nullable
    String tokenizerPre;

    @Option(names = "--overwrite", description = "Replace a file that is there.")
    boolean overwrite;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        if (!to.equals("gguf")) {
            problems.add("--to must be gguf, got " + to);
        }
        String named = dtype;
        if (named != null) {
            problems.of(() -> GgufType.parse(named));
        }
        if (adapterOnly && model.adapter == null) {
            problems.add("--adapter-only needs --adapter DIR");
        }
        if (output == null) {
            // the call lacks it
            return;
        }
        String fault =
                NewFile.fault(output, "model.gguf", overwrite ? null : "exists: choose another file, or --overwrite");
        if (fault != null) {
            problems.add("--output " + output + " " + fault);
        }
    }

    @Override
    public int run() throws IOException {
        // a Ctrl-C ends the call without its leave
        try (AtExit end = new AtExit(AtomicFiles::deleteUnfinished)) {
            print(export(dtype == null ? null : GgufType.parse(dtype)));
        }
        return ExitCode.OK;
    }

    /** Weights, tokenizer and settings are read while the file is made, and would be gone once it is there. */
    private void requireNoSource(Path base) throws IOException {
        boolean replaces = Files.exists(output) && !output.toString().endsWith(".gguf");
        if (replaces && (NewFile.liesIn(output, base) || NewFile.liesIn(output, model.adapter()))) {
            throw new ConfigException(
                    "--output " + output + " is a file of the model or of its adapter: choose another");
        }
    }

    private ExportReport export(@Nullable GgufType type) throws IOException {
        if (adapterOnly) {
            Path adapter = Objects.requireNonNull(model.adapter());
            GgufType chosen = type == null ? GgufType.F32 : type;
            Path base = FoundModel.directory(model, HubAccess::described);
            requireNoSource(base);
            return GgufAdapter.write(adapter, base, chosen, output);
        }
        if (model.adapter == null) {
            // there are models that can be exported and not opened
            Path directory = FoundModel.directory(model, HubAccess::any);
            if (PeftFiles.exists(directory) && !ModelDirectory.exists(directory)) {
                throw new CheckpointException(
                        directory, "holds an adapter and no model: give it as --adapter, and its model as --model");
            }
            requireNoSource(directory);
            try (ModelDirectory source = ModelDirectory.open(directory)) {
                return GgufModel.write(
                        source,
                        new GgufModel.Options(
                                directory,
                                directory,
                                type,
                                tokenizerPre,
                                null,
                                endOfTurn(null, directory),
                                GgufModel.makesVectors(directory) ? SentenceVectors.of(directory) : null),
                        output);
            }
        }
        GgufModel.requireKnown(FoundModel.directory(model, HubAccess::described));
        FoundModel found = FoundModel.of(model);
        Path base = found.directory();
        requireNoSource(base);
        DeviceFlags place = new DeviceFlags();
        place.device = "cpu";
        place.dtype = type == null || type == GgufType.BF16 || StoredDtype.of(base) != null ? null : "float32";
        try (LoadedModel loaded = LoadedModel.openToMerge(found, place, new ProblemFlags())) {
            Task task = loaded.model().task();
            if (task != Task.CAUSAL_LM && task != Task.SENTENCE_EMBEDDING) {
                throw new ConfigException(
                        "--to gguf takes a causal language model, or one of sentence embeddings, and this is"
                                + " one for " + task.word());
            }
            PooledVectors vectors = task == Task.CAUSAL_LM ? null : vectors(loaded);
            LoraAdapter adapter = Objects.requireNonNull(loaded.adapter());
            Path files = Objects.requireNonNull(loaded.adapterDirectory());
            var options = new GgufModel.Options(
                    base,
                    loaded.tokenizer(),
                    type,
                    tokenizerPre,
                    loaded.templateToWrite(),
                    endOfTurn(files, base),
                    vectors);
            try (MergedTensors merged = new MergedTensors(base, loaded.model(), adapter, files)) {
                return GgufModel.write(merged, options, output);
            }
        }
    }

    private static PooledVectors vectors(LoadedModel loaded) throws IOException {
        Pooling pooling = Objects.requireNonNull(loaded.model().description().pooling());
        return SentenceVectors.of(loaded.found().sentences(), pooling);
    }

    /** What ends an answer by the chat template; null where there is none, or it cannot be told, which keeps no model from its export. */
    private @Nullable Long endOfTurn(@Nullable Path adapter, Path base) throws IOException {
        try {
            ChatTemplate.find(adapter, base).ifPresent(template -> template.prompt(QUESTION));
            EndOfTurn end = EndOfTurn.ofAnswers(adapter, base);
            return end == null ? null : (Long) end.id();
        } catch (CheckpointException | ConfigException e) {
            spec.commandLine()
                    .getErr()
                    .println("loft: what ends an answer is not known, and the file names the ends of the model alone: "
                            + e.getMessage());
            return null;
        }
    }

    private void print(ExportReport report) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Map<String, Integer> types = new TreeMap<>(report.tensors());
        if (common.json) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("output", report.file().toString());
            tree.put("architecture", report.architecture());
            tree.put("bytes", report.bytes());
            tree.put("tensors", types);
            tree.put("notes", report.notes());
            out.println(Json.text(tree));
            return;
        }
        String counted = types.entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey())
                .collect(Collectors.joining(", "));
        out.println("wrote " + report.file() + ": " + report.architecture() + ", " + counted + ", "
                + Quantities.bytes(report.bytes()));
        List<String> notes = report.notes();
        notes.stream().limit(10).forEach(note -> out.println("  note: " + note));
        if (notes.size() > 10) {
            out.println("  and " + (notes.size() - 10) + " notes more; --json has them all");
        }
    }
}
