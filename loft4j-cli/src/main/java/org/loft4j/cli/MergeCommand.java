package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.Links;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.MergeReport;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.export.MergedModel;
import org.loft4j.export.OwnPooling;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedConfig;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.ClassifierPadding;
import org.loft4j.train.EndOfTurn;
import org.loft4j.train.TemplateFile;
import org.loft4j.train.WrittenLanguage;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft merge}. */
@Command(
        name = "merge",
        description =
                "Adds an adapter to its model's weights and writes the whole as a Hugging Face directory of its own, which"
                        + " needs no adapter any more. Says what rounding to the model's type lost.",
        footerHeading = "%nExamples:%n",
        footer = {"  loft merge --model models/MiniLM --adapter run --output merged"})
final class MergeCommand implements Verb {
    /** What lies beside the weights of a model and its tokenizer, and stays as it is. */
    private static final List<String> ALONG = List.of(
            "preprocessor_config.json",
            "processor_config.json",
            "video_preprocessor_config.json",
            "generation_config.json");

    /** Weights that a merge may have left before, in one file or several. */
    private static final Pattern WEIGHTS = Pattern.compile("model(-\\d+-of-\\d+)?\\.safetensors(\\.index\\.json)?");

    @Option(
            names = "--output",
            paramLabel = "DIR",
            required = true,
            description = "Directory of the merged model. Required.")
    Path output;

    @Option(
            names = "--max-shard-size",
            paramLabel = "SIZE",
            description = "Weights that are larger come in several files with an index: a number with KB, MB or GB."
                    + " Default: ${DEFAULT-VALUE}.")
    String maxShardSize = "5GB";

    @Option(names = "--overwrite", description = "Replace a model that is there.")
    boolean overwrite;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Task")
    ProblemFlags problem;

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
        if (model.adapter == null) {
            problems.add("--adapter DIR is needed");
        }
        NewDirectory.check("--output", output, problems);
        problems.of(() -> Quantities.parseBytes("--max-shard-size", maxShardSize));
    }

    @Override
    public int run() throws IOException {
        FoundModel found = FoundModel.of(model);
        refuse(found.directory());
        try (LoadedModel loaded = LoadedModel.openToMerge(found, inFullPrecision(found.directory()), problem)) {
            LoraAdapter adapter = Objects.requireNonNull(loaded.adapter());
            MergedModel merged = MergedModel.of(loaded.model(), adapter, loaded.directory(), device.dtype());
            NewDirectory.write(output, "config.json", directory -> write(loaded, merged, directory));
            print(merged.report());
            if (loaded.model().task() != Task.SENTENCE_EMBEDDING) {
                warnOfPooling(loaded.model().description());
            }
            return ExitCode.OK;
        }
    }

    /** The type in which the model has all numbers of its files, so that the sum alone is rounded to the one that is asked for. */
    private DeviceFlags inFullPrecision(Path base) throws IOException {
        Dtype asked = device.dtype();
        if (asked == null) {
            return device;
        }
        Dtype stored = StoredDtype.of(base);
        boolean widest = asked == Dtype.F64 || stored == Dtype.F64;
        DeviceFlags place = new DeviceFlags();
        place.device = device.device;
        place.dtype = (stored == asked ? asked : widest ? Dtype.F64 : Dtype.F32).torchName();
        return place;
    }

    private void warnOfPooling(ModelDescription description) {
        Pooling pooling = description.pooling();
        String fault = OwnPooling.fault(description.family(), pooling == null ? null : pooling.name());
        if (fault != null) {
            spec.commandLine().getErr().println("loft: " + fault + "; " + OwnPooling.REMEDY);
        }
    }

    private void write(LoadedModel loaded, MergedModel merged, Path directory) throws IOException {
        copyAlong(loaded, directory);
        ChatTemplate chat = loaded.trainedChat() == null
                ? null
                : ChatTemplate.find(loaded.adapterDirectory(), loaded.directory())
                        .orElse(null);
        long padId = ClassifierPadding.id(loaded.model(), loaded.tokenizer(), chat);
        TrainedConfig.of(loaded.model(), merged.dtype(), padId).write(directory);
        if (loaded.model().task() == Task.SENTENCE_EMBEDDING) {
            TaskFile trained = loaded.trainedAs();
            SentenceFiles.trained(loaded.model(), loaded.found().sentences(), trained == null ? 0 : trained.maxLength())
                    .write(directory, loaded.model().stateSize());
        }
        EndOfTurn end = learnt(loaded, directory);
        if (end != null) {
            end.write(directory);
        }
        if (loaded.trainedAs() != null && loaded.model().task() == Task.SEQ2SEQ_LM) {
            WrittenLanguage.write(directory);
        }
        merged.writeWeights(directory, Quantities.parseBytes("--max-shard-size", maxShardSize));
    }

    /** The end of what the training taught; null where that is no matter, or nobody knows what it was. */
    private static @Nullable EndOfTurn learnt(LoadedModel loaded, Path directory) throws IOException {
        if (loaded.trainedAs() == null || loaded.model().task() != Task.CAUSAL_LM) {
            return null;
        }
        return loaded.trainedChat() == null ? EndOfTurn.ofTexts(directory) : EndOfTurn.of(directory);
    }

    private void refuse(Path base) throws IOException {
        boolean same = Files.exists(output)
                && (Files.isSameFile(output, base)
                        || Files.isSameFile(output, Objects.requireNonNull(model.adapter())));
        if (same) {
            throw new ConfigException(
                    "--output " + output + " is where the merge reads from: choose another directory");
        }
        if (!overwrite && Files.exists(output.resolve("config.json"))) {
            throw new ConfigException(
                    "--output " + output + " holds a model already: choose another directory, or --overwrite");
        }
        if (Files.isDirectory(output)) {
            List<Path> tokenizer = Tokenizer.filesIn(output);
            Path other = NewDirectory.files(output).stream()
                    .filter(file -> !tokenizer.contains(file) && !isOurs(output, file))
                    .findFirst()
                    .orElse(null);
            if (other != null) {
                throw new ConfigException("--output " + output + " holds " + other
                        + ", which is no part of a merged model: choose another directory");
            }
        } else if (Files.exists(output)) {
            throw new ConfigException("--output " + output + " is a file: choose a directory");
        }
    }

    private static boolean isOurs(Path output, Path file) {
        String name = file.toString();
        return NewDirectory.isUnfinished(file)
                || (Files.isRegularFile(output.resolve(file))
                        && (ALONG.contains(name)
                                || SentenceFiles.isOne(file)
                                || name.equals("config.json")
                                || name.equals(TaskFile.NAME)
                                || WEIGHTS.matcher(name).matches()));
    }

    private void copyAlong(LoadedModel loaded, Path directory) throws IOException {
        Path tokenizer = loaded.tokenizer();
        // not those of two tokenizers: they would contradict each other
        for (Path file : Tokenizer.filesIn(tokenizer)) {
            copy(tokenizer, file, directory);
        }
        for (String name : ALONG) {
            for (Path from : List.of(tokenizer, loaded.directory())) {
                if (Files.isRegularFile(from.resolve(name)) && !Files.exists(directory.resolve(name))) {
                    copy(from, Path.of(name), directory);
                }
            }
        }
        TemplateFile.write(directory, loaded.templateToWrite());
        TaskFile trainedAs = loaded.trainedAs();
        if (trainedAs != null) {
            trainedAs.write(directory);
        }
    }

    private static void copy(Path from, Path file, Path to) throws IOException {
        AtomicFiles.write(to.resolve(file), Files.readAllBytes(Links.requireOwn(from, file)));
    }

    private void print(MergeReport report) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (common.json) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("output", output.toString());
            tree.put("layers", report.layers());
            tree.put("max_abs_error", report.maxAbsError());
            tree.put("relative_error", report.relativeError());
            tree.put("relative_to_update", report.relativeToUpdate());
            out.println(Json.text(tree));
            return;
        }
        out.println("merged " + report.layers().size() + " layers into " + output);
        MergeReport.Layer worst = report.worst();
        out.println(
                report.maxAbsError() == 0
                        ? "rounding to " + worst.dtype().torchName() + " lost nothing"
                        : String.format(
                                Locale.ROOT,
                                "rounding to %s: at most %.1e of an element, %.1e of a layer's norm (%s), %.1e of an update",
                                worst.dtype().torchName(),
                                report.maxAbsError(),
                                report.relativeError(),
                                worst.path(),
                                report.relativeToUpdate()));
    }
}
