package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.Labels;
import org.loft4j.data.RowFormat;
import org.loft4j.model.Models;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.train.StartingAdapter;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainingRun;

/**
 * What a training starts from: a model, or an adapter on its model.
 *
 * @param found where they are; without an adapter nothing of what an earlier training made of the model counts
 * @param aim what is learnt; the classes that it knows are an adapter's, else the model's
 * @param adapter null where a new one is trained, or none
 */
record TrainingStart(
        FoundModel found, LearntTask aim, @Nullable StartingAdapter adapter) {
    /**
     * Finds it, and downloads what is not here.
     *
     * @throws ConfigException if the call contradicts the adapter, or its output would be in the adapter's way
     */
    static TrainingStart of(
            ModelFlags flags, LearntFlags learnt, MatchFlags prompts, DataFlags data, AdapterShape shape, Path output)
            throws IOException {
        Supplier<RowFormat> rows = data.format(data.data);
        Path ofAdapter = flags.adapter();
        if (ofAdapter == null) {
            Path directory = FoundModel.directory(flags);
            FoundModel found = new FoundModel(directory, null, null);
            return new TrainingStart(found, learnt.of(directory, Models.defaultTask(directory), prompts, rows), null);
        }
        StartingAdapter adapter = shape.settled(StartingAdapter.read(ofAdapter));
        FoundModel found = FoundModel.of(flags);
        adapter.requireApart(output, found.directory());
        LearntTask usual = learnt.of(found.directory(), Models.defaultTask(found.directory()), prompts, rows);
        Task trained = found.trainedFor();
        if (learnt.asked != null && trained != null && learnt.asked != trained) {
            throw new ConfigException("--task " + learnt.asked.word() + " is asked for, and the adapter " + ofAdapter
                    + " was trained for " + trained.word() + ": leave --task out, or train a new adapter");
        }
        Task task = trained != null ? trained : usual.task();
        List<String> ofIts = found.labels(task);
        List<String> known = ofIts.isEmpty() && task.isClassification() ? Models.labels(found.directory()) : ofIts;
        // an adapter that says what it was trained for has a head already, for as many classes as are known
        boolean headed = trained != null || !ofIts.isEmpty();
        ProblemType wanted = known.size() == 1 ? learnt.problem(task, rows) : learnt.problem;
        ProblemType problem = headed ? found.problem(task, known, wanted) : usual.problem();
        LearntTask aim = new LearntTask(task, known, problem);
        return new TrainingStart(
                found, task == Task.SENTENCE_EMBEDDING ? aim.withPrompts(prompts.of(found.sentences())) : aim, adapter);
    }

    Path directory() {
        return found.directory();
    }

    /**
     * Refuses rows of other classes than those that an adapter tells apart, and says which are taken for which where that one's
     * have no names.
     *
     * @param classes null for a language model
     */
    void require(@Nullable LearntClasses classes, PrintWriter err) {
        if (adapter == null || classes == null) {
            return;
        }
        List<String> known = aim.modelLabels();
        Labels learnt = classes.labels();
        if (classes.anew() || learnt.size() != known.size()) {
            throw new ConfigException("the adapter " + adapter.directory() + " tells " + LearntClasses.some(known)
                    + " apart, and the data has " + LearntClasses.some(learnt.names())
                    + ": a run that goes on from an adapter has its labels; name them as it does, or train a new adapter,"
                    + " without --adapter");
        }
        if (known.equals(Models.unnamedLabels(known.size())) && !known.equals(learnt.names())) {
            err.println("loft: the adapter's " + known.size()
                    + " classes have no names, and are taken for the data's in this" + " order: "
                    + LearntClasses.some(learnt.names()));
        }
    }

    /**
     * How a text becomes one vector.
     *
     * @throws ConfigException if the adapter was trained on another
     */
    Pooling pooling(Pooling asked) throws IOException {
        Pooling learnt = found.pooling(aim.task());
        if (adapter != null && asked != Pooling.AUTO && learnt != Pooling.AUTO && asked != learnt) {
            throw new ConfigException("pooling " + asked + " is asked for, and the adapter " + adapter.directory()
                    + " was trained with " + learnt + ": leave --pooling out, or train a new adapter");
        }
        return asked == Pooling.AUTO ? learnt : asked;
    }

    /** The modules that the model has in full whatever it is loaded in: those that an adapter on it brings or trains so. */
    List<String> inFull(AdapterShape shape, LoadIn loadIn) throws IOException {
        if (adapter != null) {
            return found.inFull(loadIn);
        }
        LoraConfig lora = lora(shape);
        return lora == null ? shape.place().inFull() : lora.modulesToSave();
    }

    /** The adapter that is trained; null where there is none. */
    @Nullable
    LoraConfig lora(AdapterShape shape) {
        return adapter != null ? adapter.lora() : shape.method().adapter(shape.place());
    }

    /**
     * The same on the outline of the model.
     *
     * @throws ConfigException if the call means other modules than the adapter has
     * @throws CheckpointException if the model has no such modules
     */
    @Nullable
    LoraConfig lora(AdapterShape shape, Model outline) throws CheckpointException {
        if (adapter == null) {
            return lora(shape);
        }
        LoraConfig known = adapter.lora(outline);
        try {
            known.layers(outline);
        } catch (ConfigException e) {
            throw new CheckpointException(
                    adapter.directory(), "does not fit " + directory() + ": " + e.getMessage(), e);
        }
        shape.requireSameModules(adapter, known, outline);
        return known;
    }

    /** Length in tokens to which rows are cut: as the adapter's were, and never more than the model was made for. */
    int maxLength(@Nullable Integer asked, PrintWriter err) throws IOException {
        return RowLength.of(asked, found.usualLength(), Models.maxPositions(directory()), err);
    }

    /**
     * Opens the model.
     *
     * @param anew whether its weights are new ones
     * @throws org.loft4j.CheckpointException also if the adapter's tokenizer has ids that the model has no vectors for
     */
    Model open(ModelOptions options, boolean anew) throws IOException {
        Model opened = anew ? Models.initialise(directory(), options) : Models.open(directory(), options);
        try {
            AdaptersTokenizer.check(
                    directory(), found.adapter(), opened.description().vocabularySize());
            return opened;
        } catch (IOException | RuntimeException | Error e) {
            opened.close();
            throw e;
        }
    }

    /** @param lora of a new adapter; not read where the run goes on from one */
    TrainingRun begin(Model opened, TrainData data, TrainConfig config, @Nullable LoraConfig lora, RunFlags run)
            throws IOException {
        return adapter != null
                ? TrainingRun.openFrom(adapter, opened, data, config, run.output, run.onExisting())
                : TrainingRun.open(opened, data, config, lora, run.output, run.onExisting());
    }
}
