package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.SummaryFiles;
import org.loft4j.cli.report.Pasted;
import org.loft4j.data.DataReference;
import org.loft4j.train.ChatDate;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.StartingAdapter;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** What a run leaves, and what becomes of an earlier one. */
final class RunFlags {
    @Option(
            names = "--output",
            paramLabel = "DIR",
            required = true,
            description = "Where the adapter, checkpoints, metrics and this call's settings go. Required.")
    Path output;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            description = "Of the order of the data, dropout and new weights. Default: ${DEFAULT-VALUE}.")
    long seed = 0;

    @Option(
            names = "--save-steps",
            paramLabel = "N",
            description =
                    "Steps between two checkpoints; 0 for one at each evaluation, and one a quarter of an hour after the"
                            + " last. Default: ${DEFAULT-VALUE}.")
    long saveSteps = 0;

    @Option(
            names = "--save-total-limit",
            paramLabel = "N",
            description =
                    "Checkpoints that are kept, always the best, the last, and one to go back to should the loss run away; 0 for all. Default: ${DEFAULT-VALUE}.")
    int saveTotalLimit = 2;

    @Option(
            names = "--metric-for-best",
            paramLabel = "NAME",
            completionCandidates = WordLists.Scores.class,
            description =
                    "What tells the best evaluation: loss, accuracy, macro_f1, matthews, perplexity, token_accuracy, of preferences accuracy or margin, of rankings accuracy, mrr or margin, of rewards reward, of sentence embeddings accuracy_at_1, recall_at_10 or mrr_at_10, of entities or the second of two classes precision, recall or f1, of two classes roc_auc, of several labels a text micro_f1, micro_roc_auc or macro_roc_auc, or of regression pearson, spearmanr or mse. Default: loss; micro_f1 where a text may have several labels.")
    @Nullable
    String metricForBest;

    @Option(
            names = "--load-best",
            negatable = true,
            fallbackValue = "true",
            description =
                    "End with the weights of the best evaluation instead of the last ones. Default: ${DEFAULT-VALUE}.")
    boolean loadBest = true;

    @Option(
            names = "--early-stopping-patience",
            paramLabel = "N",
            description =
                    "Evaluations without an improvement after which the run ends; 0 for never. Default: ${DEFAULT-VALUE}.")
    int earlyStoppingPatience = 0;

    @Option(
            names = "--save-in-background",
            negatable = true,
            fallbackValue = "true",
            description =
                    "Go on training while a checkpoint is written. Without it, no memory is needed for a copy of what"
                            + " is trained and of the optimizer's state. Default: ${DEFAULT-VALUE}.")
    boolean saveInBackground = true;

    @Option(
            names = "--divergence-factor",
            paramLabel = "FACTOR",
            description =
                    "Give the run up when the smoothed loss stays above its level at the start and above this multiple"
                            + " of its best level, for 50 steps; 0 for never. Default: ${DEFAULT-VALUE}.")
    double divergenceFactor = 2;

    @Option(
            names = "--stop-deadline",
            paramLabel = "SECONDS",
            description =
                    "How long after SIGTERM or SIGHUP the step in progress may take to be finished and saved, before the"
                            + " process ends with the checkpoint it has; 0 for as long as it takes. Default: ${DEFAULT-VALUE}.")
    int stopDeadline = 25;

    @Option(names = "--resume", description = "Go on with the run that the output directory holds, if it holds one.")
    boolean resume;

    @Option(names = "--overwrite", description = "Remove the run that the output directory holds.")
    boolean overwrite;

    @Option(
            names = "--max-memory",
            paramLabel = "SIZE",
            description =
                    "The memory that the run may take, such as 6GB. It is reckoned from the shapes before anything is loaded or"
                            + " written; a run that needs more is refused, with what would bring it down. Default: no bound.")
    @Nullable
    String maxMemory;

    @Option(
            names = "--dry-run",
            description =
                    "Train nothing and write nothing: show rows, tokens, steps, parameters, memory by parts, and the time"
                            + " that a few steps on a throw-away copy foretell.")
    boolean dryRun;

    /** Bytes; the largest number where there is no bound. */
    long maxMemory() {
        return maxMemory == null ? Long.MAX_VALUE : Quantities.parseBytes("max_memory", maxMemory);
    }

    /**
     * @param verb of the call, which may have read the output directory from a file
     * @param start directory of the adapter that the run starts from; null for none, or one of the hub
     */
    void check(Problems problems, CommandSpec verb, @Nullable Path config, @Nullable Path start, Method method) {
        requireNotMoved(problems, verb, config);
        tellOfSettings(problems, verb, config);
        requireDirectory(problems, config, start, method);
        problems.of(this::maxMemory);
        if (resume && overwrite) {
            problems.add("--resume and --overwrite exclude each other");
        }
        if (stopDeadline < 0) {
            problems.add("stop_deadline must be at least 0, got " + stopDeadline);
        }
        if (metricForBest != null && !Evaluation.METRICS.contains(metric())) {
            problems.add("metric_for_best_model must be one of " + String.join(", ", Evaluation.METRICS) + ", got "
                    + metricForBest);
        }
    }

    /** A run that was moved is not where its settings say: it would be begun anew there, unasked. */
    private void requireNotMoved(Problems problems, CommandSpec verb, @Nullable Path config) {
        if (!resume
                || output == null
                || config == null
                || verb.commandLine().getParseResult().hasMatchedOption("--output")) {
            return;
        }
        Path parent = config.getParent();
        Path folder = parent == null ? Path.of(".") : parent;
        try {
            if (OnExisting.holdsRun(folder) && !OnExisting.holdsRun(output)) {
                problems.add("--resume: a run lies beside " + config + ", but none in the output_dir " + output
                        + " that it names: --output " + Pasted.quoted(folder)
                        + " goes on with the one that lies there");
            }
        } catch (IOException e) {
            // whoever opens the run says what is wrong with its directory
        }
    }

    /** Whoever resumes by the directory alone lacks what the run's own settings say. */
    private void tellOfSettings(Problems problems, CommandSpec verb, @Nullable Path config) {
        boolean given = verb.commandLine().getParseResult().hasMatchedOption("--data");
        if (resume && config == null && output != null && !given) {
            Path settings = output.resolve(TrainCommand.SETTINGS);
            if (Files.isRegularFile(settings)) {
                problems.add("--resume needs the settings of the run: " + Pasted.command() + " train --config "
                        + Pasted.quoted(settings) + " --resume --output " + Pasted.quoted(output));
            }
        }
    }

    /** Before rows and model are read, which takes minutes where they are large. */
    private void requireDirectory(Problems problems, @Nullable Path config, @Nullable Path start, Method method) {
        if (output == null || dryRun) {
            return;
        }
        problems.of(() -> {
            try {
                if (start != null) {
                    // it may hold a run, which must not be overwritten then
                    StartingAdapter.requireBeside(start, output);
                }
                SummaryFiles.requireNoComparison(output);
                Path settings = output.resolve(TrainCommand.SETTINGS);
                boolean mayBeWritten = resume
                        || (config != null && Files.exists(settings) && Files.isSameFile(config, settings))
                        || Settings.areOf(settings, output);
                onExisting().require(output, method, mayBeWritten ? Set.of() : Set.of(TrainCommand.SETTINGS));
            } catch (IOException e) {
                // whoever opens the run says what is wrong with its directory
            }
            return output;
        });
    }

    /** Refuses to lose rows to the files of the run. */
    void requireKept(Problems problems, @Nullable DataReference... data) {
        Path directory = output;
        if (directory == null || dryRun) {
            return;
        }
        problems.of(() -> {
            try {
                for (DataReference rows : data) {
                    for (Path file : rows == null ? List.<Path>of() : rows.isQuery() ? named(rows) : rows.files()) {
                        onExisting().requireKept(directory, file, "the data");
                    }
                }
            } catch (IOException e) {
                // whoever reads them says what is wrong with them
            }
            return directory;
        });
    }

    /** Files of the output directory that a query names, as far as it does. */
    private List<Path> named(DataReference query) throws IOException {
        if (output == null || !Files.isDirectory(output)) {
            return List.of();
        }
        List<Path> named = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(output)) {
            for (Path file : files) {
                if (query.names(file) || query.names(file.toAbsolutePath())) {
                    named.add(file);
                }
            }
        }
        return named;
    }

    /** Hugging Face's trainers know the scores by the names that they have in the log, too. */
    private String metric() {
        String prefix = "eval_";
        if (metricForBest == null) {
            return "loss";
        }
        return metricForBest.startsWith(prefix) ? metricForBest.substring(prefix.length()) : metricForBest;
    }

    /** @param problem what the labels of texts are; null where nothing says it */
    void apply(TrainConfig.Builder config, @Nullable ProblemType problem) {
        config.seed(seed)
                .saveSteps(saveSteps)
                .saveTotalLimit(saveTotalLimit)
                .metricForBest(
                        problem == ProblemType.MULTI_LABEL_CLASSIFICATION && metricForBest == null
                                ? "micro_f1"
                                : metric())
                .loadBestAtEnd(loadBest)
                .earlyStoppingPatience(earlyStoppingPatience)
                .saveInBackground(saveInBackground)
                .divergenceFactor(divergenceFactor);
    }

    /** What chat templates take for now: a run that goes on keeps its date. */
    ZonedDateTime chatDate() throws IOException {
        ZonedDateTime kept = resume ? ChatDate.of(output) : null;
        return kept == null ? ZonedDateTime.now() : kept;
    }

    OnExisting onExisting() {
        return resume ? OnExisting.RESUME : overwrite ? OnExisting.OVERWRITE : OnExisting.REFUSE;
    }
}
