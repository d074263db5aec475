package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Tells the number that a model of one output gives a text, or a pair of texts: a regression, or a reranker. Any number of threads
 * may use it, by turns, as a {@link Classifier}.
 *
 * <pre>
 * try (Scorer scorer = Scorer.open(Path.of("run"))) {
 *     double alike = scorer.score("A man is playing a guitar.", "Someone plays an instrument.");
 * }
 * </pre>
 */
public final class Scorer implements AutoCloseable {
    private static final int BATCH = 32;

    private final OpenModel opened;
    private final TextScorer texts;
    private final InTurn turns = new InTurn("scorer");

    private Scorer(OpenModel opened) {
        this.opened = opened;
        this.texts = new TextScorer(opened.model(), opened.tokenizer(), opened.maxLength(), BATCH);
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if it has not one output for a text
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static Scorer open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a model of one output; pooling and length are those of its training ({@code loft_task.json}), else those of the
     * model's config.json, and no text is longer than its tokenizer states ({@code model_max_length}).
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if it has not one output for a text
     * @throws CheckpointException if a file cannot be used
     */
    public static Scorer open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static Scorer open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype) throws IOException {
        return OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, device, dtype)
                .into(Scorer::new);
    }

    /** The number of one text. */
    public double score(String text) {
        return score(List.of(text)).get(0);
    }

    /**
     * The number of each text, in their order. Texts are cut to the length of the training, or of the model.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<Double> score(List<String> some) {
        return turns.ask(some, texts::score);
    }

    /** The number of a pair of texts, such as a question and an answer, by a model that was trained on pairs. */
    public double score(String text, String textPair) {
        return scorePairs(List.of(new TextPair(text, textPair))).get(0);
    }

    /**
     * The number of each pair of texts, in their order. Of a pair that is longer than those of the training the longer text is cut
     * first.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<Double> scorePairs(List<TextPair> some) {
        return turns.ask(some, texts::scorePairs);
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees the model. */
    @Override
    public void close() {
        turns.close(opened::close);
    }
}
