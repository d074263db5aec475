package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.infer.TextLabeler.LabelSet;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Tells which of a model's labels a text, or a pair of texts, has, where it may have several of them, or none. Any number of
 * threads may use it, by turns, as a {@link Classifier}.
 *
 * <pre>
 * try (Labeler labeler = Labeler.open(Path.of("run"))) {
 *     List&lt;String&gt; labels = labeler.label("You are the worst, and I know where you live.").labels();
 * }
 * </pre>
 */
public final class Labeler implements AutoCloseable {
    private static final int BATCH = 32;

    private final OpenModel opened;
    private final TextLabeler texts;
    private final InTurn turns = new InTurn("labeler");

    private Labeler(OpenModel opened) {
        this.opened = opened;
        this.texts = new TextLabeler(opened.model(), opened.tokenizer(), opened.maxLength(), BATCH);
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if a text has one label of the model, which a {@link Classifier} tells
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static Labeler open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a model of several labels a text; labels, pooling and length are those of its training ({@code loft_task.json}), else
     * those of the model's config.json, and no text is longer than its tokenizer states ({@code model_max_length}). Of an adapter
     * without that file, as PEFT leaves it, nothing says whether a text has several labels: it is taken for one where it has.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if a text has one label of the model
     * @throws CheckpointException if a file cannot be used
     */
    public static Labeler open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static Labeler open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype) throws IOException {
        ModelOptions several = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withMultiLabel(true);
        return OpenModel.open(place, several.withDevice(device).withDtype(dtype))
                .into(Labeler::new);
    }

    /** The names of the labels by index. */
    public List<String> labels() {
        return opened.model().description().labels();
    }

    /** The labels of one text. */
    public LabelSet label(String text) {
        return label(List.of(text)).get(0);
    }

    /**
     * The labels of each text, in their order. Texts are cut to the length of the training, or of the model.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<LabelSet> label(List<String> some) {
        return turns.ask(some, texts::label);
    }

    /** The labels of a pair of texts, by a model that was trained on pairs. */
    public LabelSet label(String text, String textPair) {
        return labelPairs(List.of(new TextPair(text, textPair))).get(0);
    }

    /**
     * The labels of each pair of texts, in their order. Of a pair that is longer than those of the training the longer text is cut
     * first.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<LabelSet> labelPairs(List<TextPair> some) {
        return turns.ask(some, texts::labelPairs);
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees the model. */
    @Override
    public void close() {
        turns.close(opened::close);
    }
}
