package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.infer.TextClassifier.Prediction;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Sorts texts into the classes that a model was trained for. Any number of threads may use it: they take turns, and one answer
 * uses all cores, on a thread of the classifier's own. Who is interrupted before its turn gets a
 * {@link java.util.concurrent.CancellationException}, and stays interrupted.
 *
 * <pre>
 * try (Classifier classifier = Classifier.open(Path.of("run"))) {
 *     String label = classifier.classify("He should of called me yesterday.").label();
 * }
 * </pre>
 */
public final class Classifier implements AutoCloseable {
    private static final int BATCH = 32;

    private final OpenModel opened;
    private final TextClassifier texts;
    private final InTurn turns = new InTurn("classifier");

    private Classifier(OpenModel opened) {
        this.opened = opened;
        this.texts = new TextClassifier(opened.model(), opened.tokenizer(), opened.maxLength(), BATCH);
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if it was not trained to classify texts, gives them a number, which a {@link Scorer} tells, or several labels,
     *     which a {@link Labeler} tells
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static Classifier open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a trained classifier; labels, pooling and length are those of its training ({@code loft_task.json}), else those of
     * the model's config.json, and no text is longer than its tokenizer states ({@code model_max_length}).
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if the adapter or model was not trained to classify texts
     * @throws CheckpointException if a file cannot be used
     */
    public static Classifier open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static Classifier open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype) throws IOException {
        return OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, device, dtype)
                .into(Classifier::new);
    }

    /** The names of the classes by index. */
    public List<String> labels() {
        return opened.model().description().labels();
    }

    /** Classifies one text. */
    public Prediction classify(String text) {
        return classify(List.of(text)).get(0);
    }

    /**
     * Classifies texts, and keeps their order. Texts are cut to the length of the training, or of the model.
     *
     * @throws IllegalStateException if it was closed
     */
    public List<Prediction> classify(List<String> some) {
        return turns.ask(some, texts::classify);
    }

    /** Classifies a pair of texts, such as a question and an answer, with a model that was trained on pairs. */
    public Prediction classify(String text, String textPair) {
        return classifyPairs(List.of(new TextPair(text, textPair))).get(0);
    }

    /**
     * Classifies pairs of texts, and keeps their order. Of a pair that is longer than those of the training the longer text is cut
     * first.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<Prediction> classifyPairs(List<TextPair> some) {
        return turns.ask(some, texts::classifyPairs);
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees the model. */
    @Override
    public void close() {
        turns.close(opened::close);
    }
}
