package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.infer.TextClassifier.Prediction;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * Says of images which class they belong to. Any number of threads may use it: they take turns as those of a {@link Classifier}
 * do.
 *
 * <pre>
 * try (ImageClassifier classifier = ImageClassifier.open(Path.of("run"))) {
 *     List&lt;Prediction> predictions = classifier.classify(List.of(Path.of("cat.png")));
 * }
 * </pre>
 */
public final class ImageClassifier implements AutoCloseable {
    private static final int BATCH = 32;

    private final Model model;
    private final ModelImages images;
    private final int batchSize;
    private final @Nullable OpenModel opened;
    private final InTurn turns = new InTurn("classifier");

    /**
     * The model in evaluation mode stays the caller's.
     *
     * @param directory whose {@code preprocessor_config.json} says how images are prepared
     * @param batchSize images that go through the model at once
     * @throws ConfigException if the model does not read images, or an image may have several of its labels
     */
    public ImageClassifier(Model model, Path directory, int batchSize) throws IOException {
        this(model, directory, batchSize, null);
    }

    private ImageClassifier(Model model, Path directory, int batchSize, @Nullable OpenModel opened) throws IOException {
        Checks.atLeast("batch_size", batchSize, 1);
        this.model = model;
        this.images = ModelImages.of(model, directory);
        if (model.isMultiLabel()) {
            throw new ConfigException("an image may have several labels of this model, which an ImageLabeler tells");
        }
        this.batchSize = batchSize;
        this.opened = opened;
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if it was not trained to classify images
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static ImageClassifier open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a trained classifier; labels are those of its training ({@code loft_task.json}), else those of the model's
     * config.json, and images are prepared as the model's {@code preprocessor_config.json} says.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if the adapter or model was not trained to classify images
     * @throws CheckpointException if a file cannot be used
     */
    public static ImageClassifier open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static ImageClassifier open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return OpenModel.open(place, Task.IMAGE_CLASSIFICATION, device, dtype)
                .into(opened -> new ImageClassifier(opened.model(), place.model(), BATCH, opened));
    }

    /** The names of the classes by index. */
    public List<String> labels() {
        return model.description().labels();
    }

    /**
     * One prediction an image, in their order.
     *
     * @throws IllegalStateException if it was closed
     * @throws org.loft4j.DataException for a file that cannot be decoded
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classify(List<Path> files) throws IOException {
        return turns.ask(files, this::judge);
    }

    private List<Prediction> judge(List<Path> files) throws IOException {
        List<Prediction> predictions = new ArrayList<>();
        for (int start = 0; start < files.size(); start += batchSize) {
            predictions.addAll(predict(files.subList(start, Math.min(files.size(), start + batchSize))));
        }
        return predictions;
    }

    private List<Prediction> predict(List<Path> files) throws IOException {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            Tensor logits = images.logits(model, files);
            return TextClassifier.predictions(logits, model.description());
        }
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees what {@link #open(Path)} opened. */
    @Override
    public void close() {
        turns.close(opened == null ? () -> {} : opened::close);
    }
}
