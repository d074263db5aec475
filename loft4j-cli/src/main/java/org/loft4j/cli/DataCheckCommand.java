package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Columns;
import org.loft4j.data.DataReference;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.Repetitions;
import org.loft4j.data.Row;
import org.loft4j.data.RowFormat;
import org.loft4j.data.TextMatch;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft data check}. */
@Command(
        name = "check",
        description =
                "Reads rows as a training would, and tells all that it finds: every line that cannot be used, lengths in"
                        + " tokens, what is cut, duplicates, rows on both sides of a split, and labels; or opens every image of a"
                        + " folder or a table. Exit status 1 where a training would stop.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft data check train.jsonl --model models/Llama --eval-data valid.jsonl",
            "  loft data check 'chats/*.parquet' --model models/Llama --max-length 2048 --json",
            "  loft data check photos --model google/vit-base-patch16-224-in21k"
        })
final class DataCheckCommand implements Verb {
    private static final String LENGTH = "--max-completion-length";

    @Parameters(paramLabel = "FILE", arity = "0..*", description = "Training rows, as --data takes them.")
    List<DataReference> files = List.of();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            required = true,
            description =
                    "The model that the rows are for: its tokenizer and chat template are used, its weights are not. "
                            + ModelFlags.MODEL + " Required.")
    ModelReference model;

    @Option(names = "--eval-data", paramLabel = "FILE", description = "Held-out rows, of the same kind. Default: none.")
    @Nullable
    DataReference evalData;

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

    @Mixin(name = "Images")
    ImageFlags images;

    @Option(
            names = LENGTH,
            paramLabel = "TOKENS",
            description = "With --format reward: tokens of an answer at most, within --max-length. Default: 256.")
    @Nullable
    Integer maxCompletionLength;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        if (files.isEmpty()) {
            data.check(problems);
        } else {
            data.checkColumns(problems);
            if (spec.commandLine().getParseResult().hasMatchedOption("--data")) {
                problems.add("give the rows as FILE or as --data FILE, not both");
            }
        }
        files.forEach(file -> DataFlags.requireOrFolder(problems, "FILE", file));
        DataFlags.requireOrFolder(problems, "--eval-data", evalData);
        ModelFlags.requireModel(problems, spec, model);
        checkLength(problems);
        learnt.check(problems);
        chat.check(problems);
        images.check(problems);
    }

    private void checkLength(Problems problems) {
        // a file of settings serves other rows too
        if (!rewarded() && spec.commandLine().getParseResult().hasMatchedOption(LENGTH)) {
            problems.add(LENGTH + " is that of answers to be rewarded: add --format reward, or leave it out");
        } else if (maxCompletionLength != null && maxCompletionLength < 1) {
            problems.add("max_completion_length must be at least 1, got " + maxCompletionLength);
        }
    }

    private boolean rewarded() {
        return data.columns.format == RowFormat.REWARD;
    }

    /** What an example may have: of a prompt whose answers are rewarded what they leave. */
    private int mostTokens(int maxLength) {
        if (!rewarded()) {
            return maxLength;
        }
        int answer = Objects.requireNonNullElse(maxCompletionLength, GrpoLoss.USUAL.maxCompletionLength());
        return RewardFlags.promptLength(maxLength, answer);
    }

    @Override
    public int run() throws IOException {
        Path directory = HubAccess.any(spec, model);
        boolean described = Files.exists(directory.resolve("config.json"));
        LearntTask aim =
                learnt.of(directory, Task.CAUSAL_LM, prompts, data.format(files.isEmpty() ? data.data : files.get(0)));
        TaskOptions.require(spec, aim);
        if (aim.task() == Task.IMAGE_CLASSIFICATION) {
            return checkImages(directory, aim);
        }
        requireRows();
        long most = described ? Models.maxPositions(directory) : Long.MAX_VALUE;
        int maxLength = RowLength.of(
                data.maxLength, RowLength.USUAL, most, spec.commandLine().getErr());
        DataReport report = report(directory, aim, mostTokens(maxLength));
        spec.commandLine().getOut().print(common.json ? Json.text(report.tree()) + "\n" : report.text());
        return report.stopsTraining() ? ExitCode.SOFTWARE : ExitCode.OK;
    }

    /** A folder has images alone. */
    private void requireRows() {
        Problems problems = new Problems();
        (files.isEmpty() ? List.of(data.data) : files).forEach(file -> DataFlags.require(problems, "FILE", file));
        DataFlags.require(problems, "--eval-data", evalData);
        if (!problems.messages().isEmpty()) {
            throw new ConfigException(
                    String.join("\n", problems.messages()) + ", and " + model + " reads rows of text, not images");
        }
    }

    private int checkImages(Path directory, LearntTask aim) throws IOException {
        if (files.size() > 1) {
            throw new ConfigException("images are read from one folder or file, got " + files.size() + ": "
                    + "name a folder that holds them all, or a table of them");
        }
        ImageReport report =
                ImageReport.of(directory, aim, images, data, files.isEmpty() ? data.data : files.get(0), evalData);
        spec.commandLine().getOut().print(common.json ? Json.text(report.tree()) + "\n" : report.text());
        return report.stopsTraining() ? ExitCode.SOFTWARE : ExitCode.OK;
    }

    private DataReport report(Path directory, LearntTask aim, int maxLength) throws IOException {
        Task task = aim.task();
        DataReport read = read(aim, maxLength);
        ScannedRows train = read.parts().get(0).rows();
        LearntClasses.tellOfRows(
                task, learnt.asked, train.some(), spec.commandLine().getErr());
        learnt.tell(aim, spec.commandLine().getErr());
        List<String> stops = new ArrayList<>();
        if (read.parts().size() > 1) {
            requireAlike(train, read.parts().get(1).rows(), stops);
        }
        requireEnough("training", train, stops);
        for (CheckedRows held : read.parts().subList(1, read.parts().size())) {
            requireEnough("evaluation", held.rows(), stops);
        }
        LearntClasses classes = aim.hasClasses() ? classes(train, aim, stops) : null;
        if (classes == null && aim.hasClasses()) {
            return read.with(read.parts(), stops);
        }
        if (classes != null && read.parts().size() > 1) {
            requireMeant(classes, train, read.parts().get(1).rows(), stops);
        }
        TrainingRows encoding = new TrainingRows(aim, train.some(), null, classes, FaultyRows.END, "");
        encoding.tellOfKind(spec.commandLine().getErr());
        try (Tokenizer opened = Tokenizer.open(directory)) {
            Tokenizer tokenizer = languages.of(opened);
            List<Row> some = read.parts().stream()
                    .flatMap(part -> part.rows().some().stream())
                    .toList();
            ChatFormat format = aim.takesConversations() ? chat.of(aim).format(directory, some) : null;
            if (task == Task.CAUSAL_LM
                    && format == null
                    && some.stream().anyMatch(row -> !row.conversations().isEmpty())) {
                stops.add("the rows hold messages, but " + model
                        + " has no chat template: name one (--chat-template FILE), or use a model that has one");
                return read.with(read.parts(), stops);
            }
            List<CheckedRows> parts = new ArrayList<>();
            for (CheckedRows part : read.parts()) {
                parts.add(part.encoded(
                        (rows, length) -> encoding.encode(rows, tokenizer, format, length, false)
                                .texts(),
                        maxLength,
                        format));
            }
            return read.with(parts, stops);
        }
    }

    /** One pass over all rows, of which none is encoded yet. */
    private DataReport read(LearntTask aim, int maxLength) throws IOException {
        Columns columns = aim.columns(data);
        Repetitions.Search search = new Repetitions.Search();
        CheckedRows train = new CheckedRows(
                "training rows", ScannedRows.of(files.isEmpty() ? List.of(data.data) : files, columns, search::add));
        if (evalData == null) {
            return new DataReport(aim.regression(), List.of(train), maxLength, search.found(), null, List.of());
        }
        Repetitions.Search among = search.ofHeldOut();
        CheckedRows held = new CheckedRows("held-out rows", ScannedRows.of(List.of(evalData), columns, among::add));
        return new DataReport(
                aim.regression(), List.of(train, held), maxLength, search.found(), among.found(), List.of());
    }

    private static void requireAlike(ScannedRows train, ScannedRows held, List<String> stops) {
        if (held.count() == 0 || train.count() == 0) {
            return;
        }
        try {
            HeldOutRows.alike(held.some(), train.some().get(0));
        } catch (DataException e) {
            stops.add(String.valueOf(e.getMessage()));
        }
    }

    /** Good answers and bad ones, and of texts to find more than one. */
    private static void requireEnough(String kind, ScannedRows rows, List<String> stops) {
        for (Row row : rows.some()) {
            String missing = null;
            if (row instanceof JudgedAnswer) {
                missing = JudgedDataset.oneSided(kind, rows.good(), rows.count());
            } else if (row instanceof TextMatch match) {
                missing = MatchDataset.alone(
                        kind, rows.count(), !match.negatives().isEmpty());
            }
            if (missing != null) {
                stops.add(missing);
            }
        }
    }

    private static void requireMeant(LearntClasses classes, ScannedRows train, ScannedRows held, List<String> stops) {
        if (held.count() == 0) {
            return;
        }
        try {
            classes.labels()
                    .requireIndices(
                            new TreeSet<>(held.labels().keySet()),
                            train.labels().keySet(),
                            held.some().get(0).origin().whole());
        } catch (DataException e) {
            stops.add(String.valueOf(e.getMessage()));
        }
    }

    private @Nullable LearntClasses classes(ScannedRows train, LearntTask aim, List<String> stops) throws IOException {
        if (train.count() == 0) {
            return null;
        }
        List<String> named = train.shape().classes();
        try {
            Labels found = aim.labels(new TreeSet<>(train.labels().keySet()), train.some(), named);
            LearntClasses classes = LearntClasses.of(found.inOrder(named), named, aim.modelLabels());
            data.labels.requireAll(classes.labels());
            return classes;
        } catch (DataException | ConfigException e) {
            stops.add(String.valueOf(e.getMessage()));
            return null;
        }
    }
}
