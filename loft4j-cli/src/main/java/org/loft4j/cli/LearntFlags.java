package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
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
            description = "What the model shall learn: causal-lm, sequence-classification (rows of text and label),"
                    + " token-classification (rows of tokens and tags), image-classification or sentence-embedding (rows of anchor and"
                    + " positive). Default: what the adapter names, else sentence-embedding for such rows, else what"
                    + " config.json names or models of this family mostly do.")
    @Nullable
    Task asked;

    @Option(
            names = "--problem-type",
            paramLabel = "TYPE",
            converter = Words.OfProblemType.class,
            completionCandidates = WordLists.ProblemTypes.class,
            description =
                    "What the labels of texts are: single_label_classification (classes, of which each text has one),"
                            + " multi_label_classification (labels, of which it may have several, or none), or regression (numbers, of"
                            + " which the model learns to tell one for each text or pair of texts). Default: what config.json says of"
                            + " several labels, regression for a classifier of texts that has one output in it, else"
                            + " single_label_classification.")
    @Nullable
    ProblemType problem;

    void check(Problems problems) {
        if (problem != null && isOfTexts() && asked != null && asked != Task.SEQUENCE_CLASSIFICATION) {
            problems.add("--problem-type " + problem.word() + " is for --task sequence-classification, got --task "
                    + asked.word());
        }
    }

    /** Whether a problem is asked for that classifiers of texts alone have. */
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
     * The task, and what of it the model knows. Who asks for regression, or for several labels, asks for a classifier of texts too.
     *
     * @param directory of the model
     * @param usual the task where none is asked for and the directory has no config.json
     * @param prompts what the call puts before texts that belong together
     * @param matches whether the rows are texts that belong together, from which one task alone learns
     */
    LearntTask of(Path directory, Task usual, MatchFlags prompts, BooleanSupplier matches) throws IOException {
        boolean described = Files.exists(directory.resolve("config.json"));
        Task task = asked != null
                ? asked
                : isOfTexts()
                        ? Task.SEQUENCE_CLASSIFICATION
                        : matches.getAsBoolean()
                                ? Task.SENTENCE_EMBEDDING
                                : described ? Models.defaultTask(directory) : usual;
        LearntTask known = LearntTask.of(directory, task);
        LearntTask aim = problem == null ? known : new LearntTask(task, known.modelLabels(), problem);
        prompts.requireFits(task);
        return task == Task.SENTENCE_EMBEDDING ? aim.withPrompts(prompts.of(SentenceFiles.find(directory))) : aim;
    }
}
