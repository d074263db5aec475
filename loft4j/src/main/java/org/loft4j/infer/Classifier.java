package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.TextClassifier.Prediction;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** Sorts texts into the classes that a model was trained for. One thread uses it at a time. */
public final class Classifier implements AutoCloseable {
    private static final int BATCH = 32;
    private static final int DEFAULT_LENGTH = 512;

    private final Model model;
    private final @Nullable LoraAdapter adapter;
    private final Tokenizer tokenizer;
    private final int maxLength;

    private Classifier(Model model, @Nullable LoraAdapter adapter, Tokenizer tokenizer, int maxLength) {
        this.model = model;
        this.adapter = adapter;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
    }

    /**
     * Opens a trained classifier; labels, pooling and length are those of its training ({@code loft_task.json}), else those of
     * the model's config.json.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if the adapter or model was not trained to classify
     * @throws CheckpointException if a file cannot be used
     */
    public static Classifier open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        Path trained = adapterDirectory == null ? modelDirectory : adapterDirectory;
        TaskFile task = TaskFile.exists(trained) ? TaskFile.read(trained) : null;
        if (task != null && task.task() != Task.SEQUENCE_CLASSIFICATION) {
            throw new ConfigException(trained + " was trained as a language model, not to classify: let it generate");
        }
        ModelOptions options =
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withDevice(device).withDtype(dtype);
        if (task != null) {
            options = options.withLabels(task.labels());
            options = task.pooling() == null ? options : options.withPooling(task.pooling());
        }
        Tokenizer tokenizer = Tokenizer.open(modelDirectory);
        Model model = null;
        try {
            model = Models.open(modelDirectory, options);
            LoraAdapter adapter = adapterDirectory == null ? null : PeftFiles.load(adapterDirectory, model);
            int longest = (int) Math.min(DEFAULT_LENGTH, model.description().maxPositions());
            return new Classifier(model, adapter, tokenizer, task == null ? longest : task.maxLength());
        } catch (IOException | RuntimeException e) {
            tokenizer.close();
            if (model != null) {
                model.close();
            }
            throw e;
        }
    }

    /** The names of the classes by index. */
    public List<String> labels() {
        return model.description().labels();
    }

    /** Classifies one text. */
    public Prediction classify(String text) {
        return classify(List.of(text)).get(0);
    }

    /** Classifies texts, and keeps their order. Texts are cut to the length of the training. */
    public List<Prediction> classify(List<String> texts) {
        return new TextClassifier(model, tokenizer, maxLength, BATCH).classify(texts);
    }

    @Override
    public void close() {
        if (adapter != null) {
            adapter.close();
        }
        model.close();
        tokenizer.close();
    }
}
