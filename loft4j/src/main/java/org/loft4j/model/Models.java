package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TiedHead;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.VectorLayers;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** Opens Hugging Face model directories: config.json beside model.safetensors, or beside its shards and their index. */
public final class Models {
    private static final String MULTI_LABEL = "multi_label_classification";

    private Models() {}

    /** The values of {@code model_type} that can be opened, sorted. */
    public static Set<String> families() {
        return new TreeSet<>(Family.BY_NAME.keySet());
    }

    /**
     * Opens a model. The caller closes it.
     *
     * @throws ConfigException for a family, a task or a configuration value that cannot be honoured
     * @throws CheckpointException for a file that cannot be used
     */
    public static Model open(Path directory, ModelOptions options) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        Family family = family(file);
        ModelOptions complete = complete(family, file, options);
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            return behindPooling(file, complete, family.opener().open(source, file.json(), complete));
        } catch (ConfigException e) {
            throw named(file, e);
        }
    }

    /** The model with the layers behind its pooling that the files of sentence-transformers beside it name. */
    private static Model behindPooling(ModelConfigFile file, ModelOptions options, Model model)
            throws CheckpointException {
        try {
            SentenceFiles files =
                    options.task() == Task.SENTENCE_EMBEDDING ? SentenceFiles.find(file.directory()) : null;
            if (files != null && !files.dense().isEmpty()) {
                VectorLayers layers = DenseModule.open(files.dense(), options.device());
                try {
                    model.setVectorLayers(layers);
                } catch (ShapeException e) {
                    layers.close();
                    throw e;
                }
            }
            return model;
        } catch (CheckpointException | RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    /** A model with the sizes of the directory's config.json and new weights from the seed; float32 where no dtype is given. */
    public static Model initialise(Path directory, ModelOptions options) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        Family family = family(file);
        Dtype dtype = options.dtype() == null ? Dtype.F32 : options.dtype();
        try {
            ModelOptions complete = complete(family, file, options).withDtype(dtype);
            return behindPooling(file, complete, family.maker().random(file.json(), complete));
        } catch (ConfigException e) {
            throw named(file, e);
        }
    }

    /**
     * A directory's model without its numbers: layers and shapes for arithmetic, at no cost whatever its size. In full precision,
     * of the dtype of its file where none is given.
     *
     * @throws CheckpointException for a file that cannot be used
     */
    public static Model outline(Path directory, ModelOptions options) throws IOException {
        ModelOptions nowhere = options.withDevice(DeviceSpec.META).withLoadIn(LoadIn.FULL);
        if (options.dtype() != null) {
            return initialise(directory, nowhere);
        }
        Model wide = initialise(directory, nowhere);
        Dtype stored;
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            stored = dtype(source, wide);
        } catch (IOException | RuntimeException | Error e) {
            wide.close();
            throw e;
        }
        if (stored == wide.description().dtype()) {
            return wide;
        }
        wide.close();
        return initialise(directory, nowhere.withDtype(stored));
    }

    /** The dtype of a file's first parameter, which is the model's; buffers that old versions saved have others. */
    private static Dtype dtype(ModelDirectory source, Model model) throws CheckpointException {
        String first = model.weights().asMap().keySet().iterator().next();
        String tied = TiedHead.alone(source.names());
        if (tied != null) {
            return source.info(tied).dtype();
        }
        for (String stored : source.names()) {
            String name = InnerNames.today(stored);
            // a file's names may lack the module that the model lies in, or have one around them
            boolean same = InnerNames.alone(name).equals(InnerNames.alone(first))
                    || first.endsWith("." + name)
                    || name.endsWith("." + first);
            if (same && source.info(stored).dtype().isFloating()) {
                return source.info(stored).dtype();
            }
        }
        return model.description().dtype();
    }

    /**
     * Does all that {@link #open} does for the directory's own task but read the numbers.
     *
     * @throws ConfigException if config.json describes no model that can be opened here
     * @throws CheckpointException if the weights are not those that config.json asks for
     */
    public static void check(Path directory) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        try {
            if (!Family.BY_NAME.containsKey(file.family())) {
                throw new ConfigException("model_type " + file.family() + " is unknown to loft4j");
            }
            ModelOptions nowhere =
                    ModelOptions.of(defaultTask(directory)).withDtype(Dtype.F32).withDevice(DeviceSpec.META);
            initialise(directory, nowhere).close();
        } catch (CheckpointException e) {
            throw new ConfigException(String.valueOf(e.getMessage()), e);
        }
        Family family = family(file);
        ModelOptions options = ModelOptions.of(defaultTask(directory)).withDevice(DeviceSpec.META);
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            family.opener()
                    .open(new UnreadSource(source), file.json(), complete(family, file, options))
                    .close();
        }
    }

    /**
     * Refuses a model that {@link #open} would refuse for every task, by its config.json alone. A directory without one, such as an
     * adapter's, passes.
     *
     * @throws ConfigException for an unknown family and quantised weights
     */
    public static void requireKnown(Path directory) throws CheckpointException {
        if (Files.exists(directory.resolve("config.json"))) {
            ModelConfigFile file = ModelConfigFile.read(directory);
            Family family = family(file);
            ConfigKeys.requireFullWeights(file.json());
            if (file.json().has("text_config")) {
                // the language model that lies in it may be of another family
                family.length().maxPositions(file.json());
            }
        }
    }

    /** Width of the states between the layers of a directory's model, by its config.json alone. */
    public static long hiddenSize(Path directory) throws IOException {
        Task task = defaultTask(directory);
        // the width does not depend on the classes, and a training may bring others than the file names
        ModelOptions shapes = ModelOptions.of(task)
                .withLabels(task.isClassification() ? List.of("0", "1") : List.of())
                .withDtype(Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Model model = outline(directory, shapes)) {
            return model.description().hiddenSize();
        }
    }

    /**
     * The task that a directory's model is for: what its {@code architectures} says, else what its family is mostly used for; of a
     * decoder without a head, beside which files of sentence-transformers lie, sentence embeddings.
     */
    public static Task defaultTask(Path directory) throws IOException {
        Task named = namedTask(directory);
        if (named != null) {
            return named;
        }
        Task usual = family(ModelConfigFile.read(directory)).tasks().get(0);
        return usual == Task.CAUSAL_LM && SentenceFiles.exists(directory) ? Task.SENTENCE_EMBEDDING : usual;
    }

    /** The task that the {@code architectures} of a directory's model name; null where they name none that its family has. */
    public static @Nullable Task namedTask(Path directory) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        Task named = file.task();
        return named != null && family(file).tasks().contains(named) ? named : null;
    }

    /** The tasks that a directory's model can be used for, the usual one first. */
    public static List<Task> tasks(Path directory) throws IOException {
        Task usual = defaultTask(directory);
        List<Task> tasks =
                new ArrayList<>(family(ModelConfigFile.read(directory)).tasks());
        tasks.remove(usual);
        tasks.add(0, usual);
        return tasks;
    }

    /** The names of the classes by index, as config.json lists them. */
    public static List<String> labels(Path directory) throws IOException {
        return ModelConfigFile.read(directory).labels();
    }

    /**
     * Whether a directory's model is a classifier of texts with a single output, and so gives numbers, as Transformers has it where
     * {@code problem_type} says nothing else.
     */
    public static boolean isRegression(Path directory) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        String problem = file.json().findString("problem_type");
        return file.task() == Task.SEQUENCE_CLASSIFICATION
                && file.labels().size() == 1
                && (problem == null || problem.equals("regression"));
    }

    /** Whether config.json of a directory says what the labels of its model are ({@code problem_type}). */
    public static boolean statesProblem(Path directory) throws IOException {
        return ModelConfigFile.read(directory).json().findString("problem_type") != null;
    }

    /**
     * Whether a text or an image may have several of the labels of a directory's model, as Transformers has it where {@code problem_type} is
     * {@code multi_label_classification}.
     */
    public static boolean isMultiLabel(Path directory) throws IOException {
        return isMultiLabel(ModelConfigFile.read(directory));
    }

    private static boolean isMultiLabel(ModelConfigFile file) throws CheckpointException {
        return MULTI_LABEL.equals(file.json().findString("problem_type"))
                && file.labels().size() > 1;
    }

    /** {@code LABEL_0}, {@code LABEL_1} …, as Transformers names classes without names. */
    public static List<String> unnamedLabels(long count) {
        return LongStream.range(0, count).mapToObj(i -> "LABEL_" + i).toList();
    }

    /** The longest sequence that a directory's model was made for, in tokens. */
    public static long maxPositions(Path directory) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        try {
            return family(file).length().maxPositions(file.json());
        } catch (ConfigException e) {
            throw named(file, e);
        }
    }

    /** Settings are checked where they are used, which knows nothing of files. */
    private static ConfigException named(ModelConfigFile file, ConfigException e) {
        String message = String.valueOf(e.getMessage());
        String path = file.json().file().toString();
        return message.contains(path) ? e : new ConfigException(message + " (" + path + ")", e);
    }

    private static Family family(ModelConfigFile file) throws CheckpointException {
        String name = file.family();
        Family family = Family.BY_NAME.get(name);
        if (family == null) {
            throw new ConfigException("model_type must be one of " + String.join(", ", families()) + ", got " + name
                    + " in " + file.json().file());
        }
        return family;
    }

    /**
     * The options with the labels of the file where they name none, and for sentence embeddings with the pooling that the files of
     * sentence-transformers beside it say; refuses a task that the family has no head for, and several numbers for one text or image.
     */
    private static ModelOptions complete(Family family, ModelConfigFile file, ModelOptions options)
            throws CheckpointException {
        if (!family.tasks().contains(options.task())) {
            String possible = family.tasks().stream().map(Task::word).collect(Collectors.joining(", "));
            throw new ConfigException("task " + options.task().word() + " is not available for model_type "
                    + family.name() + " in " + file.json().file() + ": use " + possible);
        }
        if (options.task() == Task.SENTENCE_EMBEDDING) {
            SentenceFiles files = SentenceFiles.find(file.directory());
            return files == null || options.pooling() != Pooling.AUTO ? options : options.withPooling(files.pooling());
        }
        boolean named = !options.labels().isEmpty() || !options.task().isClassification();
        ModelOptions complete = named ? options : options.withLabels(file.labels());
        if (named || options.task() == Task.TOKEN_CLASSIFICATION) {
            return complete;
        }
        boolean one = complete.labels().size() == 1;
        if (one && options.task() == Task.SEQUENCE_CLASSIFICATION) {
            ConfigKeys.require(file.json(), "problem_type", "regression");
        } else if (one) {
            ConfigKeys.require(file.json(), "problem_type", "single_label_classification");
        } else {
            ConfigKeys.require(file.json(), "problem_type", "single_label_classification", MULTI_LABEL);
        }
        return isMultiLabel(file) ? complete.withMultiLabel(true) : complete;
    }
}
