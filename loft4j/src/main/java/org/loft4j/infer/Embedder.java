package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Makes vectors of texts: those of texts that mean alike lie in one direction ({@link TextEmbedder#cosine}), so that a search finds them. Any number of threads
 * may use it, by turns, as a {@link Classifier}.
 *
 * <pre>
 * try (Embedder embedder = Embedder.open(Path.of("run"))) {
 *     List&lt;float[]&gt; texts = embedder.embed(List.of("How do I return a parcel?", "Opening hours"));
 *     float[] query = embedder.embedQuery("sending goods back");
 *     double alike = TextEmbedder.cosine(query, texts.get(0));
 * }
 * </pre>
 */
public final class Embedder implements AutoCloseable {
    private static final int BATCH = 32;

    private final OpenModel opened;
    private final @Nullable SentenceFiles files;
    private final TextEmbedder texts;
    private final InTurn turns = new InTurn("embedder");

    private Embedder(OpenModel opened, @Nullable SentenceFiles files) {
        this.opened = opened;
        this.files = files;
        int length = opened.maxLength();
        if (opened.trainedAs() == null && files != null && files.maxLength() > 0) {
            length = (int)
                    Math.min(files.maxLength(), opened.model().description().maxPositions());
        }
        this.texts = new TextEmbedder(
                opened.model(), opened.tokenizer(), length, BATCH, files != null && files.normalised());
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model; a model that no
     * training here has left as well.
     *
     * @throws ConfigException if it was trained for another task
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static Embedder open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a model for sentence embeddings; pooling and length are those of its training ({@code loft_task.json}), else those of
     * the files of sentence-transformers ({@code modules.json} and others), else the mean of an encoder's states or a decoder's
     * last, and the length that it was made for. Vectors are normalised where those files say so.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if it was trained for another task
     * @throws CheckpointException if a file cannot be used
     */
    public static Embedder open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static Embedder open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype) throws IOException {
        SentenceFiles ofAdapter = SentenceFiles.ofAdapter(place.adapter(), place.model());
        SentenceFiles files = ofAdapter != null ? ofAdapter : SentenceFiles.find(place.model());
        ModelOptions options =
                ModelOptions.of(Task.SENTENCE_EMBEDDING).withDevice(device).withDtype(dtype);
        return OpenModel.open(place, ofAdapter == null ? options : options.withPooling(ofAdapter.pooling()))
                .into(opened -> new Embedder(opened, files));
    }

    /** How many numbers a vector has. */
    public int dimension() {
        return texts.dimension();
    }

    /** What the model wants before a text, by names such as {@code query}; empty where its files name none. */
    public Map<String, String> prompts() {
        return files == null ? Map.of() : files.prompts();
    }

    /** The vector of one text that is to be found, of {@link #dimension} numbers. */
    public float[] embed(String text) {
        return embed(List.of(text)).get(0);
    }

    /** The vector of one text that is searched with, of {@link #dimension} numbers. */
    public float[] embedQuery(String text) {
        return embedQueries(List.of(text)).get(0);
    }

    /**
     * The vector of each text that is searched with, in their order. Before it stands the prompt {@code query} where the model, or
     * the training, has one, else the default one.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<float[]> embedQueries(List<String> some) {
        return embed(some, files == null ? "" : files.queryPrompt());
    }

    /**
     * The vector of each text that is to be found, of {@link #dimension} numbers, in their order. Before it stands the prompt
     * {@code document}, {@code passage} or {@code corpus} where the model, or the training, has one, else the default one. Texts are cut to the length of the training, or of the model.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<float[]> embed(List<String> some) {
        return embed(some, files == null ? "" : files.documentPrompt());
    }

    /**
     * The same with these words before each text, such as one of {@link #prompts}; empty for none.
     *
     * @throws ConfigException if a text has no tokens
     * @throws IllegalStateException if it was closed
     */
    public List<float[]> embed(List<String> some, String prompt) {
        return turns.ask(
                some, read -> texts.embed(read.stream().map(prompt::concat).toList()));
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees the model. */
    @Override
    public void close() {
        turns.close(opened::close);
    }
}
