package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.demo.CacheDirectory;
import org.loft4j.cli.demo.DemoTask;
import org.loft4j.cli.reproduce.RealTask;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.TrainData;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The task of an experiment that needs a real one: the demo's, or files of the user's. */
final class TaskFlags {
    /** All of them. */
    static final Set<String> OPTIONS =
            Set.of("--model", "--data", "--eval-data", "--test-data", "--pooling", "--max-length");

    @Spec(Spec.Target.MIXEE)
    CommandSpec verb;

    @Option(names = "--model", paramLabel = "MODEL", description = ModelFlags.MODEL + " Default: the demo's MiniLM.")
    @Nullable
    ModelReference model;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            description = "Rows to learn from, as 'loft train' reads them. Default: the demo's sentences.")
    @Nullable
    DataReference data;

    @Option(
            names = "--eval-data",
            paramLabel = "FILE",
            description = "Validation rows, by which learning rates are chosen. Default: the demo's.")
    @Nullable
    DataReference evalData;

    @Option(
            names = "--test-data",
            paramLabel = "FILE",
            description = "Test rows, on which results are reported. Default: the demo's.")
    @Nullable
    DataReference testData;

    @Mixin
    EncoderFlags encoder;

    @Option(
            names = "--max-length",
            paramLabel = "TOKENS",
            description = "Longer rows are cut. Default: 512, or what the model was made for, if less; the demo's 64.")
    @Nullable
    Integer maxLength;

    void check(Problems problems) {
        List<@Nullable Object> own = java.util.Arrays.asList(model, data, evalData, testData);
        if (own.stream().anyMatch(Objects::nonNull) && own.stream().anyMatch(Objects::isNull)) {
            problems.add(
                    "--model, --data, --eval-data and --test-data go together: give all four, or none for the demo's task");
        }
        ModelFlags.requireModel(problems, verb, model);
        DataFlags.require(problems, "--data", data);
        DataFlags.require(problems, "--eval-data", evalData);
        DataFlags.require(problems, "--test-data", testData);
        refuseOfTheDemo(problems);
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
    }

    /** What says how a model of one's own reads rows of one's own; the demo's reads as it does. */
    private void refuseOfTheDemo(Problems problems) {
        List<String> idle = Stream.of("--pooling", "--max-length")
                .filter(option -> model == null)
                .filter(verb.commandLine().getParseResult()::hasMatchedOption)
                .toList();
        if (!idle.isEmpty()) {
            problems.add(String.join(" and ", idle) + (idle.size() == 1 ? " is" : " are")
                    + " of a task of one's own, and this is the demo's: give --model and its rows, or leave "
                    + (idle.size() == 1 ? "it" : "them") + " out");
        }
    }

    /**
     * @param quick whether a part of the demo's held-out sentences is enough
     * @param comparison directory of the one that may have begun before, on another day
     */
    RealTask.Source source(boolean quick, Path comparison) {
        return say -> model == null
                ? demo(quick, say)
                : own(model, HubAccess.resolve(verb, model), Comparison.chatDate(comparison));
    }

    private RealTask demo(boolean quick, Consumer<String> say) throws IOException {
        DemoTask demo = DemoTask.open(CacheDirectory.ofUser(), quick, say);
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("model", "all-MiniLM-L6-v2, mean pooling");
        described.put("task", "does this sentence contain an error? LanguageTool 6.6, the demo's sentences");
        return task(
                demo.model(),
                options(Task.SEQUENCE_CLASSIFICATION).withLabels(demo.labels()),
                new ComparisonData(demo.training(), demo.test()),
                described);
    }

    private RealTask own(ModelReference named, Path directory, ZonedDateTime now) throws IOException {
        Task task = Models.defaultTask(directory);
        DataFlags flags = new DataFlags();
        flags.data = Objects.requireNonNull(data);
        LearntTask aim = task == Task.SEQUENCE_CLASSIFICATION ? LearntTask.of(directory, task) : LearntTask.of(task);
        TrainingRows rows = TrainingRows.read(aim, flags, evalData, 0, 0);
        if (rows.arePreferences()) {
            throw new ConfigException(
                    data.shown() + " holds preferences, which no experiment learns from: a query such as SELECT"
                            + (rows.areJudged()
                                    ? " prompt, completion … WHERE label makes of them prompts with the good answers"
                                    : " prompt, chosen AS completion makes of them prompts with the preferred answers"));
        }
        rows.tellOfKind(verb.commandLine().getErr());
        List<Row> test = HeldOutRows.alike(
                DataFiles.read(Objects.requireNonNull(testData), aim.columns(flags)),
                rows.train().get(0));
        LearntClasses.tellOfTest(rows, test, verb.commandLine().getErr());
        int length = RowLength.of(
                maxLength,
                RowLength.USUAL,
                Models.maxPositions(directory),
                verb.commandLine().getErr());
        Map<String, Object> described = new LinkedHashMap<>();
        Path given = named.directory();
        Object shown =
                given == null ? named : given.toAbsolutePath().normalize().getFileName();
        described.put("model", shown + ", pooling " + encoder.pooling);
        described.put("task", name(flags.data) + ", " + name(Objects.requireNonNull(evalData)) + ", " + name(testData));
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            ChatFormat format = task == Task.CAUSAL_LM ? new ChatFlags().format(directory, rows.all(test), now) : null;
            List<Row> validation = Objects.requireNonNull(rows.eval());
            TrainData training = new TrainData(
                    rows.encode(rows.train(), tokenizer, format, length, false),
                    rows.encode(validation, tokenizer, format, length, false),
                    tokenizer.padId(),
                    length);
            return task(
                    directory,
                    rows.options(options(task)),
                    new ComparisonData(training, rows.encode(test, tokenizer, format, length, false))
                            .withRows(rows.train(), validation, test),
                    described);
        }
    }

    private static String name(DataReference data) {
        Path path = data.existing();
        return path == null ? data.shown() : String.valueOf(path.getFileName());
    }

    private ModelOptions options(Task task) {
        return new ModelOptions(task, List.of(), encoder.pooling, Dtype.F32, DeviceSpec.CPU, 0);
    }

    private RealTask task(
            Path directory, ModelOptions options, ComparisonData compared, Map<String, Object> described) {
        TrainData training = compared.training();
        described.put("training rows", training.train().rows());
        described.put(
                "validation and test rows",
                Objects.requireNonNull(training.eval()).size() + " and "
                        + compared.test().size());
        described.put("longest row in tokens", training.maxLength());
        for (String line : compared.warnings()) {
            verb.commandLine().getErr().println("loft: " + line);
            described.merge("of the rows", line, (before, more) -> before + "; " + more);
        }
        return new RealTask(
                directory,
                options,
                compared,
                options.multiLabel()
                        ? "micro_f1"
                        : options.task() == Task.SEQUENCE_CLASSIFICATION
                                        && options.labels().size() > 1
                                ? "accuracy"
                                : "loss",
                described);
    }
}
