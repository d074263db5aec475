package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.ConfigException;
import org.loft4j.data.Columns;
import org.loft4j.model.Models;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainConfig;

/**
 * What is learnt of rows.
 *
 * @param modelLabels the classes that the model knows, which are kept if the rows have no others; empty for none
 * @param regression whether the labels of texts are numbers that are learnt as such
 */
record LearntTask(Task task, List<String> modelLabels, boolean regression) {
    LearntTask {
        modelLabels = List.copyOf(modelLabels);
    }

    /** A task whose labels are classes. */
    static LearntTask of(Task task) {
        return new LearntTask(task, List.of(), false);
    }

    /** As a directory's model has it: one of a single output for a text goes on with numbers. */
    static LearntTask of(Path directory, Task task) throws IOException {
        return new LearntTask(
                task,
                task.isClassification() ? Models.labels(directory) : List.of(),
                task == Task.SEQUENCE_CLASSIFICATION && Models.isRegression(directory));
    }

    /** Which columns are read. */
    Columns columns(DataFlags data) {
        Columns columns = data.columns(task == Task.SEQUENCE_CLASSIFICATION);
        return regression ? columns.withScores() : columns;
    }

    /**
     * Refuses settings that have no meaning for it.
     *
     * @throws ConfigException that names the setting
     */
    void require(TrainConfig config) {
        String fault = regression ? config.problemOfRegression() : null;
        if (fault != null) {
            throw new ConfigException(fault);
        }
    }

    /** Whether rows are learnt by classes. */
    boolean hasClasses() {
        return task.isClassification() && !regression;
    }

    /** The name of the one output of a regression: the model's, if it has a single one. */
    List<String> scoreName() {
        return modelLabels.size() == 1 ? modelLabels : Models.unnamedLabels(1);
    }
}
