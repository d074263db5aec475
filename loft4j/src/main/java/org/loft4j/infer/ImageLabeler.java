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
import org.loft4j.infer.TextLabeler.LabelSet;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * Tells which of a model's labels an image has, where it may have several of them, or none. Any number of threads may use it, by
 * turns, as an {@link ImageClassifier}.
 *
 * <pre>
 * try (ImageLabeler labeler = ImageLabeler.open(Path.of("run"))) {
 *     List&lt;String> labels = labeler.label(List.of(Path.of("street.jpg"))).get(0).labels();
 * }
 * </pre>
 */
public final class ImageLabeler implements AutoCloseable {
    private static final int BATCH = 32;

    private final Model model;
    private final ModelImages images;
    private final int batchSize;
    private final double leastLogit;
    private final @Nullable OpenModel opened;
    private final InTurn turns = new InTurn("labeler");

    /**
     * The model in evaluation mode stays the caller's.
     *
     * @param directory whose {@code preprocessor_config.json} says how images are prepared
     * @param batchSize images that go through the model at once
     * @param threshold above which a label is told
     * @throws ConfigException if the model does not read images, or an image has one of its labels
     */
    public ImageLabeler(Model model, Path directory, int batchSize, Threshold threshold) throws IOException {
        this(model, directory, batchSize, threshold, null);
    }

    private ImageLabeler(Model model, Path directory, int batchSize, Threshold threshold, @Nullable OpenModel opened)
            throws IOException {
        Checks.atLeast("batch_size", batchSize, 1);
        this.images = ModelImages.of(model, directory);
        if (!model.isMultiLabel()) {
            throw new ConfigException("several labels an image need a model that was trained for them (problem_type"
                    + " multi_label_classification); an ImageClassifier tells the one label of an image");
        }
        this.model = model;
        this.batchSize = batchSize;
        this.leastLogit = threshold.logit();
        this.opened = opened;
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if an image has one label of the model, which an {@link ImageClassifier} tells
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static ImageLabeler open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a model of several labels an image, with those of its training ({@code loft_task.json}), else those of the model's
     * config.json. An adapter without that file, as PEFT leaves it, is taken for one of several labels.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if an image has one label of the model
     * @throws CheckpointException if a file cannot be used
     */
    public static ImageLabeler open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static ImageLabeler open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        ModelOptions several = ModelOptions.of(Task.IMAGE_CLASSIFICATION).withMultiLabel(true);
        return OpenModel.open(place, several.withDevice(device).withDtype(dtype))
                .into(opened -> new ImageLabeler(opened.model(), place.model(), BATCH, Threshold.HALF, opened));
    }

    /** The names of the labels by index. */
    public List<String> labels() {
        return model.description().labels();
    }

    /**
     * The labels of each image, in their order.
     *
     * @throws IllegalStateException if it was closed
     * @throws org.loft4j.DataException for a file that cannot be decoded
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<LabelSet> label(List<Path> files) throws IOException {
        return turns.ask(files, this::judge);
    }

    private List<LabelSet> judge(List<Path> files) throws IOException {
        List<LabelSet> sets = new ArrayList<>();
        for (int start = 0; start < files.size(); start += batchSize) {
            try (NativeScope scope = new NativeScope();
                    Inference inference = Inference.open()) {
                List<Path> some = files.subList(start, Math.min(files.size(), start + batchSize));
                Tensor logits = images.logits(model, some);
                sets.addAll(TextLabeler.sets(logits, model.description(), leastLogit));
            }
        }
        return sets;
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees what {@link #open(Path)} opened. */
    @Override
    public void close() {
        turns.close(opened == null ? () -> {} : opened::close);
    }
}
