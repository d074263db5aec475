package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.RowFormat;
import org.loft4j.model.Models;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Task;
import picocli.CommandLine.Option;

/** What is learnt of rows. */
final class LearntFlags {
    @Option(
            names = "--task",
            paramLabel = "TASK",
            converter = Words.OfTask.class,
            completionCandidates = WordLists.Tasks.class,
            description =
                    "What the model shall learn: causal-lm, seq2seq-lm (of encoder-decoders: rows of prompt and completion), sequence-classification (rows of text and label),"
                            + " token-classification (rows of tokens and tags), image-classification or sentence-embedding (rows of anchor and"
                            + " positive). Default: what the adapter names, else sentence-embedding for such rows, else what"
                            + " config.json names or models of this family mostly do.")
    @Nullable
    Task asked;

    @Option(
            names = "--problem-type",
            paramLabel = "PROBLEM",
            converter = Words.OfProblemType.class,
            completionCandidates = WordLists.ProblemTypes.class,
            description =
                    "What the labels of texts or images are: single_label_classification (classes, of which each has one),"
                            + " multi_label_classification (labels, of which it may have several, or none), regression (numbers, of"
                            + " which the model learns to tell one for each text or pair of texts), or ranking (no labels: rows of"
                            + " anchor, positive and negative, or of prompt, chosen and rejected, of which the model learns to give"
                            + " the right pair the greater number). Default: ranking for such rows, what config.json says of"
                            + " several labels, regression for a classifier of texts that has one output in it, else"
                            + " single_label_classification.")
    @Nullable
    ProblemType problem;

    void check(Problems problems) {
        boolean several = problem == ProblemType.MULTI_LABEL_CLASSIFICATION;
        if (problem != null
                && isOfTexts()
                && asked != null
                && asked != Task.SEQUENCE_CLASSIFICATION
                && !(several && asked == Task.IMAGE_CLASSIFICATION)) {
            problems.add("--problem-type " + problem.word() + " is for --task sequence-classification"
                    + (several ? " or image-classification" : "") + ", got --task "
                    + asked.word());
        }
    }

    /** Whether a problem is asked for that classifiers of texts alone have, and of several labels those of images. */
    private boolean isOfTexts() {
        return problem != null && problem != ProblemType.SINGLE_LABEL_CLASSIFICATION;
    }

    /** Says that labels are numbers where nobody has asked for that: they may be meant as classes. */
    void tell(LearntTask aim, PrintWriter err) {
        if (problem == null && aim.regression()) {
            err.println("loft: the model has one output, and the labels are learnt as numbers;"
                    + " --problem-type single_label_classification learns them as classes");
        }
    }

    /** The same of a training: an adapter learns what it has learnt. */
    void tell(TrainingStart start, PrintWriter err) {
        if (start.adapter() == null) {
            tell(start.aim(), err);
        }
    }

    /**
     * The task, and what of it the model knows. Who asks for regression, ranking, or several labels, asks for a classifier of texts
     * too; texts that belong together are ranked by a model that has one output already, and else make sentence embeddings.
     *
     * @param directory of the model
     * @param usual the task where none is asked for and the directory has no config.json
     * @param prompts what the call puts before texts that belong together
     * @param rows which columns make them
     */
    LearntTask of(Path directory, Task usual, MatchFlags prompts, Supplier<RowFormat> rows) throws IOException {
        boolean described = Files.exists(directory.resolve("config.json"));
        Task ofModel = described ? Models.defaultTask(directory) : usual;
        boolean ranks = described && ofModel == Task.SEQUENCE_CLASSIFICATION && Models.isRegression(directory);
        boolean ofImages = ofModel == Task.IMAGE_CLASSIFICATION;
        if (ofImages && problem != null && isOfTexts() && problem != ProblemType.MULTI_LABEL_CLASSIFICATION) {
            throw new ConfigException("--problem-type " + problem.word() + " is for texts, and the model " + directory
                    + " classifies images: leave it out");
        }
        Task task = asked != null
                ? asked
                : isOfTexts() && !ofImages
                        ? Task.SEQUENCE_CLASSIFICATION
                        : !ranks && rows.get() == RowFormat.MATCH ? Task.SENTENCE_EMBEDDING : ofModel;
        LearntTask known = LearntTask.of(directory, task);
        ProblemType wanted = problem(task, rows);
        LearntTask aim = wanted == null ? known : new LearntTask(task, known.modelLabels(), wanted);
        prompts.requireFits(task);
        return task == Task.SENTENCE_EMBEDDING ? aim.withPrompts(prompts.of(SentenceFiles.find(directory))) : aim;
    }

    /** What a classifier of texts learns as the call or the rows have it; null where neither says it. */
    @Nullable
    ProblemType problem(Task task, Supplier<RowFormat> rows) {
        if (problem != null || task != Task.SEQUENCE_CLASSIFICATION) {
            return problem;
        }
        RowFormat format = rows.get();
        return format == RowFormat.MATCH || format == RowFormat.PREFERENCE ? ProblemType.RANKING : null;
    }
}
