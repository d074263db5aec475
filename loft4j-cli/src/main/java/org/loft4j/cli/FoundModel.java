package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.SavedInFull;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.HeadLabels;
import org.loft4j.io.HubException;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.train.BaseFiles;

/** A model, and an adapter on it, as a call names them, found before either is opened. */
final class FoundModel {
    private final Path directory;
    private final @Nullable Path adapter;
    private final @Nullable TaskFile trainedAs;
    /** What the adapter's files say of sentences, once they were asked for. */
    private @Nullable Optional<SentenceFiles> ofAdapter;

    /**
     * @param directory of the base model
     * @param adapter directory of the adapter; null where there is none
     * @param trainedAs what the training of the adapter, or of the model, left word of; null where nothing did
     */
    FoundModel(Path directory, @Nullable Path adapter, @Nullable TaskFile trainedAs) {
        this.directory = directory;
        this.adapter = adapter;
        this.trainedAs = trainedAs;
    }

    static FoundModel of(ModelFlags flags) throws IOException {
        Path adapter = flags.adapter();
        Path given = flags.model == null ? null : HubAccess.resolve(flags.verb, flags.model);
        Path described = adapter != null ? adapter : given;
        TaskFile trainedAs = described != null && TaskFile.exists(described) ? TaskFile.read(described) : null;
        Path directory = given != null ? given : base(flags, trainedAs, HubAccess::resolve);
        if (adapter != null && BaseFiles.areOthers(adapter, directory)) {
            flags.verb
                    .commandLine()
                    .getErr()
                    .println("loft: warning: " + adapter + " was trained on other weights than those in " + directory
                            + ": together they are right only where these are the same numbers in other files");
        }
        return new FoundModel(directory, adapter, trainedAs);
    }

    /** The directory of the base model: the one that was given, else the one that the adapter names. */
    static Path directory(ModelFlags flags) throws IOException {
        return directory(flags, HubAccess::resolve);
    }

    /** Likewise, got in a way of one's own. */
    static Path directory(ModelFlags flags, HubAccess.Way way) throws IOException {
        if (flags.model != null) {
            return way.of(flags.verb, flags.model);
        }
        Path adapter = flags.adapter();
        return base(flags, adapter != null && TaskFile.exists(adapter) ? TaskFile.read(adapter) : null, way);
    }

    /** The model that an adapter names: a directory, or a model on the hub. */
    private static Path base(ModelFlags flags, @Nullable TaskFile trainedAs, HubAccess.Way way) throws IOException {
        Path adapter = flags.adapter();
        if (adapter == null) {
            throw new ConfigException("--model MODEL is needed");
        }
        String name = trainedAs == null ? null : trainedAs.baseModel();
        if (name == null) {
            name = PeftFiles.readConfig(adapter).metadata().reference();
        }
        if (name.isEmpty()) {
            throw new CheckpointException(adapter, "its model is not named; say where it is with --model MODEL");
        }
        ModelReference base = new ModelReference(name);
        if (base.directory() == null && !base.isName()) {
            throw new CheckpointException(
                    adapter,
                    "its model " + name
                            + " is no directory here (a path is that from the folder of the training); say where it is with --model MODEL");
        }
        try {
            return way.of(flags.verb, base);
        } catch (HubException e) {
            throw new CheckpointException(
                    adapter,
                    "its model " + base + " is not here (a path would be that from the folder of the training): "
                            + e.getMessage() + "; or say where it is with --model MODEL",
                    e);
        }
    }

    /** Of the base model. */
    Path directory() {
        return directory;
    }

    /** Of the adapter; null where there is none. */
    @Nullable
    Path adapter() {
        return adapter;
    }

    /** What the training of the adapter, or of the model, left word of; null where nothing did. */
    @Nullable
    TaskFile trainedAs() {
        return trainedAs;
    }

    Tokenizer openTokenizer() throws IOException {
        return AdaptersTokenizer.open(directory, adapter);
    }

    /**
     * The task that it was trained for: as PEFT's own file names it for an adapter that no training here has left; null where nothing
     * says so.
     */
    @Nullable
    Task trainedFor() throws IOException {
        return trainedAs != null
                ? trainedAs.task()
                : adapter == null ? null : PeftFiles.readConfig(adapter).task();
    }

    /** The task that it was trained for, else the one that its config.json names. */
    Task task() throws IOException {
        Task trained = trainedFor();
        return trained == null ? Models.defaultTask(directory) : trained;
    }

    /** The classes that the training left, by index; empty where config.json of the model has them. */
    List<String> labels(Task task) throws IOException {
        return trainedAs != null
                ? trainedAs.labels()
                : adapter == null ? List.of() : HeadLabels.of(directory, adapter, task);
    }

    /** Whether it is a classifier of texts that tells one number. */
    boolean hasOneOutput() throws IOException {
        Task task = task();
        List<String> known = labels(task);
        return task == Task.SEQUENCE_CLASSIFICATION && (known.isEmpty() ? Models.labels(directory) : known).size() == 1;
    }

    /**
     * Whether a text may have several of the labels. Of an adapter that no training here has left config.json of its model says it.
     *
     * @param labels those of {@link #labels}
     */
    private boolean multiLabel(Task task, List<String> labels) throws IOException {
        return trainedAs != null
                ? trainedAs.multiLabel()
                : task.isOneLabelEach() && labels.size() != 1 && Models.isMultiLabel(directory);
    }

    /**
     * What the labels of texts are.
     *
     * @param known the classes, by index
     * @param asked what a call says of it, which counts where nothing tells whether they exclude each other: of an adapter
     *     loft_task.json does, of a model config.json too; null for nothing
     * @throws ConfigException if the call contradicts it
     */
    ProblemType problem(Task task, List<String> known, @Nullable ProblemType asked) throws IOException {
        boolean open =
                trainedAs == null && task.isOneLabelEach() && (adapter != null || !Models.statesProblem(directory));
        ProblemType problem = ProblemType.SINGLE_LABEL_CLASSIFICATION;
        if (task == Task.SEQUENCE_CLASSIFICATION && known.size() == 1) {
            problem = asked == ProblemType.RANKING ? asked : ProblemType.REGRESSION;
        } else if (open && asked != null && asked != ProblemType.REGRESSION && asked != ProblemType.RANKING) {
            problem = asked;
        } else if (multiLabel(task, known)) {
            problem = ProblemType.MULTI_LABEL_CLASSIFICATION;
        }
        if (asked != null && asked != problem) {
            String learnt = known.isEmpty() ? task.word() : task.word() + " of " + LearntClasses.some(known);
            if (problem == ProblemType.REGRESSION) {
                learnt = "numbers";
            } else if (problem == ProblemType.MULTI_LABEL_CLASSIFICATION) {
                learnt = "several labels " + (task == Task.IMAGE_CLASSIFICATION ? "an image, " : "a text, ")
                        + LearntClasses.some(known);
            }
            throw new ConfigException("--problem-type " + asked.word() + " is asked for, and the "
                    + (adapter == null ? "model " + directory : "adapter " + adapter) + " was trained for " + learnt
                    + ": leave --problem-type out" + (adapter == null ? "" : ", or train a new adapter"));
        }
        return problem;
    }

    Pooling pooling(Task task) throws IOException {
        Pooling pooling = trainedAs == null ? null : trainedAs.pooling();
        if (pooling == null && task == Task.SENTENCE_EMBEDDING) {
            pooling = ofAdapter().map(SentenceFiles::pooling).orElse(null);
        }
        return pooling == null ? Pooling.AUTO : pooling;
    }

    /** What the files of sentence-transformers say, the adapter's where it has some, else the model's; null where there are none. */
    @Nullable
    SentenceFiles sentences() throws IOException {
        Optional<SentenceFiles> own = ofAdapter();
        return own.isPresent() ? own.get() : SentenceFiles.find(directory);
    }

    /** Layers behind the pooling are compared with the model's, number by number: once. */
    private Optional<SentenceFiles> ofAdapter() throws IOException {
        if (ofAdapter == null) {
            ofAdapter = Optional.ofNullable(SentenceFiles.ofAdapter(adapter, directory));
        }
        return ofAdapter;
    }

    /** What an adapter brings in full cannot take the place of a matrix in fewer bits. */
    List<String> inFull(LoadIn loadIn) throws IOException {
        return adapter == null || loadIn == LoadIn.FULL ? List.of() : SavedInFull.of(adapter);
    }

    /** How the training wrote conversations; null where it had none. */
    @Nullable
    TrainedChat trainedChat() {
        return trainedAs == null ? null : trainedAs.chat();
    }

    /** The length in tokens to which rows are cut where a call does not say it: as in training. */
    int usualLength() {
        return trainedAs == null ? RowLength.USUAL : trainedAs.maxLength();
    }
}
