package org.loft4j.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.Shown;
import org.loft4j.cli.report.Table;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Shapes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft inspect}. */
@Command(
        name = "inspect",
        description =
                "Shows what a model, an adapter, a checkpoint or a safetensors file holds, or with --data some rows as"
                        + " a model sees them: their tokens, and which of them are learnt.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft inspect models/MiniLM",
            "  loft inspect run --model models/MiniLM",
            "  loft inspect run/adapter_model.safetensors --all",
            "  loft inspect --data chats.jsonl --model models/Llama --rows 2"
        })
final class InspectCommand implements Verb {
    /** Characters of the names of all shards. */
    private static final int FILES_LIMIT = 4000;

    @Parameters(
            paramLabel = "PATH",
            arity = "0..*",
            description = "Directories, safetensors files, and names of models on the hub.")
    List<String> paths = List.of();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description =
                    "The model that the rows are for, or the one under an adapter, for the share that is trained: a directory,"
                            + " or a name on the hub. Default: the one that the adapter names, if it is on this machine.")
    @Nullable
    ModelReference model;

    @Option(names = "--all", description = "One line for each tensor, instead of one for each kind of layer.")
    boolean all;

    @Option(names = "--rows", paramLabel = "N", description = "Rows of --data to show. Default: ${DEFAULT-VALUE}.")
    int rows = 3;

    @Mixin(name = "Task")
    LearntFlags learnt;

    @Mixin(name = "Data")
    DataFlags data;

    @Mixin(name = "Translation")
    LanguageFlags languages;

    @Mixin(name = "Conversations")
    ChatFlags chat;

    @Mixin(name = "Sentence embeddings")
    MatchFlags prompts;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        chat.check(problems);
        if (data.data == null && paths.isEmpty()) {
            problems.add("Missing required parameter: 'PATH', or '--data=FILE' with '--model=MODEL'");
        } else if (showsRows()) {
            data.check(problems);
            learnt.check(problems);
            if (!paths.isEmpty()) {
                problems.add("--data shows rows, and takes no PATH beside it");
            }
            if (model == null) {
                problems.add("--data needs --model MODEL: a row looks different to each model");
            }
        }
        ModelFlags.requireModel(problems, spec, model);
        if (rows < 1) {
            problems.add("--rows must be at least 1, got " + rows);
        }
    }

    /** Paths take the place of the rows that a configuration file names. */
    private boolean showsRows() {
        return data.data != null
                && (paths.isEmpty() || spec.commandLine().getParseResult().hasMatchedOption("--data"));
    }

    private int inspectRows(ModelReference reference) throws IOException {
        Path directory = HubAccess.described(spec, reference);
        LearntTask aim = learnt.of(directory, Task.CAUSAL_LM, prompts, data.format(data.data));
        PrintWriter err = spec.commandLine().getErr();
        TrainingRows all = TrainingRows.read(aim, data, null, 0, 0, faults.rows(err));
        long most = Files.exists(directory.resolve("config.json")) ? Models.maxPositions(directory) : Long.MAX_VALUE;
        int length = RowLength.of(data.maxLength, RowLength.USUAL, most, err);
        PrintWriter out = spec.commandLine().getOut();
        List<Map<String, Object>> trees = new ArrayList<>();
        try (Tokenizer opened = Tokenizer.open(directory)) {
            Tokenizer tokenizer = languages.of(opened);
            ChatFormat format = aim.takesConversations() ? chat.of(aim).format(directory, all.train()) : null;
            int shown = 0;
            for (int i = 0; i < all.train().size() && shown < rows; i++) {
                RowInspection row;
                try {
                    row = RowInspection.of(
                            i + 1,
                            all.train().get(i),
                            one -> all.encode(List.of(one), tokenizer, format, length, false)
                                    .texts(),
                            format,
                            tokenizer,
                            all.labelNames());
                } catch (DataException e) {
                    if (!faults.skip) {
                        throw e;
                    }
                    err.println("loft: left out (--skip-faulty-rows): " + e.getMessage());
                    continue;
                }
                shown++;
                if (common.json) {
                    trees.add(row.tree());
                } else {
                    out.println(row.text(Terminal.colour()));
                }
            }
        }
        if (common.json) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("data", data.data.toString());
            tree.put("max_length", length);
            tree.put("rows", trees);
            out.println(Json.text(tree));
        }
        return 0;
    }

    @Override
    public int run() throws IOException {
        if (model != null && showsRows()) {
            return inspectRows(model);
        }
        PrintWriter out = spec.commandLine().getOut();
        List<Map<String, Object>> trees = new ArrayList<>();
        Path base = model == null ? null : HubAccess.any(spec, model);
        for (String path : paths) {
            Inspection inspection =
                    Inspection.of(place(path), base, named -> HubAccess.find(spec, new ModelReference(named)));
            if (common.json) {
                trees.add(tree(inspection));
            } else {
                print(inspection, out);
            }
        }
        if (common.json) {
            out.println(Json.text(trees.size() == 1 ? trees.get(0) : trees));
        }
        return 0;
    }

    /** What exists is a path, and so is what has no name's shape; the rest is a name. */
    private Path place(String text) throws IOException {
        ModelReference reference = new ModelReference(text);
        boolean named = !Files.exists(Path.of(text)) && HubAccess.fault(spec, reference) == null;
        return named ? HubAccess.any(spec, reference) : Path.of(text);
    }

    private void print(Inspection inspection, PrintWriter out) {
        out.println(inspection.path() + ": " + inspection.kind().name().toLowerCase(Locale.ROOT));
        inspection.facts().forEach((key, value) -> out.println("  " + Shown.text(key) + ": " + text(value)));
        inspection.tensors().forEach((file, tensors) -> {
            out.println();
            out.println(Shown.text(file, FILES_LIMIT) + ": " + Quantities.count(StoredTensor.elements(tensors))
                    + " elements in "
                    + tensors.size()
                    + " tensors, " + dtypes(tensors).keySet().stream().collect(Collectors.joining(", ")) + ", "
                    + Quantities.bytes(StoredTensor.bytes(tensors)));
            out.print(all ? each(tensors) : grouped(tensors));
            List<StoredTensor> beside = Inspection.beside(tensors);
            if (!beside.isEmpty()) {
                long of = StoredTensor.elements(beside);
                out.println("not loaded, beside the language model: " + Quantities.count(of) + " elements, "
                        + Quantities.percent(of, StoredTensor.elements(tensors)) + ", "
                        + Quantities.bytes(StoredTensor.bytes(beside)));
            }
        });
        if (inspection.trainable() > 0) {
            out.println();
            out.println(trainable(inspection));
        }
        out.println();
    }

    private static String trainable(Inspection inspection) {
        long trainable = inspection.trainable();
        Long base = inspection.baseParameters();
        String counted = "trainable: " + Quantities.count(trainable) + " parameters";
        return base == null
                ? counted
                        + (inspection.base() == null
                                ? "; --model MODEL tells what share that is"
                                : "; what share of " + inspection.base() + " that is is not known")
                : counted + ", " + Quantities.percent(trainable, base + trainable) + " of "
                        + Quantities.count(base + trainable);
    }

    private static Table each(List<StoredTensor> tensors) {
        Table table = new Table("tensor", "type", "shape", ">elements");
        tensors.forEach(tensor -> table.row(
                Shown.text(tensor.name()),
                tensor.type(),
                Shapes.text(tensor.shape()),
                Quantities.count(tensor.elements())));
        return table;
    }

    private static Table grouped(List<StoredTensor> tensors) {
        Table table = new Table("tensor", "type", "shape", ">count", ">elements");
        TensorGroups.of(tensors)
                .forEach(group -> table.row(
                        Shown.text(group.name()),
                        group.dtype(),
                        group.shape(),
                        Integer.toString(group.count()),
                        Quantities.count(group.elements())));
        return table;
    }

    private static Map<String, Object> tree(Inspection inspection) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("path", inspection.path().toString());
        tree.put("kind", inspection.kind().name().toLowerCase(Locale.ROOT));
        tree.put("config", inspection.facts());
        List<Map<String, Object>> tensors = new ArrayList<>();
        List<StoredTensor> every = new ArrayList<>();
        inspection
                .tensors()
                .forEach((file, members) -> members.forEach(tensor -> {
                    every.add(tensor);
                    Map<String, Object> entry = new LinkedHashMap<>();
                    entry.put("name", tensor.name());
                    entry.put("file", file);
                    entry.put("dtype", tensor.type());
                    entry.put("shape", tensor.shape());
                    tensors.add(entry);
                }));
        tree.put("elements", StoredTensor.elements(every));
        tree.put("bytes", StoredTensor.bytes(every));
        tree.put("dtypes", dtypes(every));
        List<StoredTensor> beside = Inspection.beside(every);
        if (!beside.isEmpty()) {
            tree.put("not_loaded_elements", StoredTensor.elements(beside));
            tree.put("not_loaded_bytes", StoredTensor.bytes(beside));
        }
        if (inspection.trainable() > 0) {
            tree.put("trainable_parameters", inspection.trainable());
            Long base = inspection.baseParameters();
            if (base != null) {
                tree.put("base_parameters", base);
                tree.put("trainable_share", (double) inspection.trainable() / (base + inspection.trainable()));
            }
        }
        tree.put("tensors", tensors);
        return tree;
    }

    /** Number of elements by dtype. */
    private static Map<String, Long> dtypes(List<StoredTensor> tensors) {
        return tensors.stream()
                .collect(Collectors.groupingBy(
                        StoredTensor::type, TreeMap::new, Collectors.summingLong(StoredTensor::elements)));
    }

    /** A value of a configuration as a person writes it. */
    private static String text(Object value) {
        if (value instanceof JsonNode node && node.isContainerNode()) {
            List<String> parts = new ArrayList<>();
            node.forEach(part -> parts.add(Shown.text(part.asText())));
            return String.join(", ", parts);
        }
        return Shown.text(value instanceof JsonNode node ? node.asText() : value.toString());
    }
}
