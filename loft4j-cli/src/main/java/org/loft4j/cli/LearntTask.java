package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.Labels;
import org.loft4j.data.MatchPrompts;
import org.loft4j.data.Preference;
import org.loft4j.data.Row;
import org.loft4j.data.TextMatch;
import org.loft4j.model.Models;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainConfig;

/**
 * What is learnt of rows.
 *
 * @param modelLabels the classes that the model knows, which are kept if the rows have no others; empty for none
 * @param problem what the labels of texts are; a class each for all other tasks
 * @param prompts what stands before texts that belong together
 */
record LearntTask(Task task, List<String> modelLabels, ProblemType problem, MatchPrompts prompts) {
    LearntTask {
        modelLabels = List.copyOf(modelLabels);
    }

    /** A task whose labels are classes. */
    static LearntTask of(Task task) {
        return new LearntTask(task, List.of(), ProblemType.SINGLE_LABEL_CLASSIFICATION);
    }

    /** A task whose texts have nothing before them. */
    LearntTask(Task task, List<String> modelLabels, ProblemType problem) {
        this(task, modelLabels, problem, MatchPrompts.NONE);
    }

    LearntTask withPrompts(MatchPrompts before) {
        return new LearntTask(task, modelLabels, problem, before);
    }

    /** As a directory's model has it: one of a single output for a text goes on with numbers, one of several labels with those. */
    static LearntTask of(Path directory, Task task) throws IOException {
        return new LearntTask(
                task,
                task.isClassification() ? Models.labels(directory) : List.of(),
                task == Task.SEQUENCE_CLASSIFICATION && Models.isRegression(directory)
                        ? ProblemType.REGRESSION
                        : task.isOneLabelEach() && Models.isMultiLabel(directory)
                                ? ProblemType.MULTI_LABEL_CLASSIFICATION
                                : ProblemType.SINGLE_LABEL_CLASSIFICATION);
    }

    /** Whether the labels of texts are numbers that are learnt as such. */
    boolean regression() {
        return problem == ProblemType.REGRESSION;
    }

    /** What such rows judge: a model that tells a number, where texts are to be ranked, by their order. */
    LearntTask judgedBy(Row row) {
        boolean ranked = regression() && (row instanceof TextMatch || row instanceof Preference);
        return ranked ? new LearntTask(task, modelLabels, ProblemType.RANKING, prompts) : this;
    }

    /** Whether it is learnt which of some texts belongs to another text. */
    boolean ranking() {
        return problem == ProblemType.RANKING;
    }

    /** Whether the model tells one number. */
    boolean oneOutput() {
        return regression() || ranking();
    }

    /** Whether a text or an image may have several labels, or none. */
    boolean multiLabel() {
        return problem == ProblemType.MULTI_LABEL_CLASSIFICATION;
    }

    /** Which columns are read. */
    Columns columns(DataFlags data) {
        if (multiLabel()) {
            return data.columns(false).withSeveral(data.labels.several());
        }
        data.labels.requireNone();
        Columns columns = data.columns(task == Task.SEQUENCE_CLASSIFICATION && !ranking());
        return regression() ? columns.withScores() : columns;
    }

    /**
     * Refuses settings that have no meaning for it.
     *
     * @throws ConfigException that names each of them
     */
    void require(TrainConfig config) {
        List<String> problems = config.loss().problems(task, oneOutput(), multiLabel());
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /**
     * The classes that rows have. Where a text may have several, those that the data declare and no row has are among them.
     *
     * @param found in the rows
     * @param rows one at least
     * @param declared names that the data give; empty where they give none
     */
    Labels labels(SortedSet<String> found, List<? extends Row> rows, List<String> declared) throws DataException {
        SortedSet<String> all = new TreeSet<>(found);
        all.addAll(multiLabel() ? declared : List.of());
        return Labels.of(all, rows, LearntClasses.byName(modelLabels));
    }

    /** Whether rows are learnt by classes. */
    boolean hasClasses() {
        return task.isClassification() && !oneOutput();
    }

    /** Whether conversations are written by a chat template: what a language model learns, and what is ranked. */
    boolean takesConversations() {
        return task == Task.CAUSAL_LM || ranking();
    }

    /** The score by which methods are compared where nobody names another. */
    String usualMetric() {
        if (multiLabel()) {
            return "micro_f1";
        }
        return hasClasses() ? "accuracy" : task == Task.SENTENCE_EMBEDDING ? "mrr_at_10" : ranking() ? "mrr" : "loss";
    }

    /** The name of the one output of a regression or a ranking: the model's, if it has a single one. */
    List<String> scoreName() {
        return modelLabels.size() == 1 ? modelLabels : Models.unnamedLabels(1);
    }
}
