package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.model.bert.BertConfig;
import org.loft4j.model.bert.BertModel;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/** Opens Hugging Face model directories: config.json beside model.safetensors, or beside its shards and their index. */
public final class Models {
    private Models() {}

    /** The values of {@code model_type} that can be opened, sorted. */
    public static Set<String> families() {
        return new TreeSet<>(Set.of(BertModel.FAMILY, LlamaModel.FAMILY));
    }

    /**
     * Opens a model. The caller closes it.
     *
     * @throws ConfigException for a family, a task or a configuration value that cannot be honoured
     * @throws CheckpointException for a file that cannot be used
     */
    public static Model open(Path directory, ModelOptions options) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        Task possible = task(file);
        if (options.task() != possible) {
            throw new ConfigException("task " + options.task() + " is not available for model_type " + file.family()
                    + " in " + directory + ": use " + possible);
        }
        if (possible == Task.CAUSAL_LM) {
            LlamaConfig config = LlamaConfig.from(file.json());
            try (ModelDirectory source = ModelDirectory.open(directory)) {
                return LlamaModel.open(source, config, options.dtype(), options.device());
            }
        }
        BertConfig config = bert(file, options);
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            return BertModel.open(source, config, options.dtype(), options.device(), options.seed());
        }
    }

    /** A model with the sizes of the directory's config.json and new weights from the seed; float32 where no dtype is given. */
    public static Model initialise(Path directory, ModelOptions options) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        Dtype dtype = options.dtype() == null ? Dtype.F32 : options.dtype();
        return task(file) == Task.CAUSAL_LM
                ? LlamaModel.random(LlamaConfig.from(file.json()), options.device(), dtype, options.seed())
                : BertModel.random(bert(file, options), options.device(), dtype, options.seed());
    }

    /** The task that a directory's model is for. */
    public static Task defaultTask(Path directory) throws IOException {
        return task(ModelConfigFile.read(directory));
    }

    /** The names of the classes by index, as config.json lists them. */
    public static List<String> labels(Path directory) throws IOException {
        return ModelConfigFile.read(directory).labels();
    }

    /** The longest sequence that a directory's model was made for, in tokens. */
    public static long maxPositions(Path directory) throws IOException {
        ModelConfigFile file = ModelConfigFile.read(directory);
        return task(file) == Task.CAUSAL_LM
                ? LlamaConfig.from(file.json()).maxPositions()
                : bert(file, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)).maxPositions();
    }

    /** Each family has one task so far. */
    private static Task task(ModelConfigFile file) throws CheckpointException {
        String family = file.family();
        return switch (family) {
            case LlamaModel.FAMILY -> Task.CAUSAL_LM;
            case BertModel.FAMILY -> Task.SEQUENCE_CLASSIFICATION;
            default ->
                throw new ConfigException("model_type must be one of " + String.join(", ", families()) + ", got "
                        + family + " in " + file.json().file());
        };
    }

    private static BertConfig bert(ModelConfigFile file, ModelOptions options) throws CheckpointException {
        JsonObject json = file.json();
        List<String> labels = options.labels().isEmpty() ? file.labels() : options.labels();
        return BertConfig.from(json, labels, options.pooling());
    }
}
