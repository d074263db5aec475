package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.image.ImageFile;
import org.loft4j.data.image.ImageProcessor;
import org.loft4j.data.image.ImageProcessorFile;
import org.loft4j.data.image.Pixels;
import org.loft4j.infer.TextClassifier.Prediction;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Says of images which class they belong to. */
public final class ImageClassifier {
    private final Model model;
    private final ImageShape shape;
    private final ImageProcessor processor;
    private final int batchSize;

    /**
     * The model in evaluation mode stays the caller's.
     *
     * @param directory whose {@code preprocessor_config.json} says how images are prepared
     * @param batchSize images that go through the model at once
     * @throws ConfigException if the model does not read images
     */
    public ImageClassifier(Model model, Path directory, int batchSize) throws IOException {
        ImageShape read = model.imageShape();
        if (read == null) {
            throw new ConfigException("images need a model that reads them, got model_type "
                    + model.description().family());
        }
        Checks.atLeast("batch_size", batchSize, 1);
        this.model = model;
        this.shape = read;
        this.batchSize = batchSize;
        this.processor =
                ImageProcessorFile.readOr(directory, (int) read.channels(), (int) read.height(), (int) read.width());
        processor.requireFits((int) read.channels(), (int) read.height(), (int) read.width());
    }

    /**
     * One prediction an image, in their order.
     *
     * @throws org.loft4j.DataException for a file that cannot be decoded
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classify(List<Path> files) throws IOException {
        List<Prediction> predictions = new ArrayList<>();
        for (int start = 0; start < files.size(); start += batchSize) {
            predictions.addAll(predict(files.subList(start, Math.min(files.size(), start + batchSize))));
        }
        return predictions;
    }

    private List<Prediction> predict(List<Path> files) throws IOException {
        int size = Math.toIntExact(shape.channels() * shape.height() * shape.width());
        float[] values = new float[files.size() * size];
        for (int i = 0; i < files.size(); i++) {
            Pixels image = processor.resized(ImageFile.read(files.get(i)), (int) shape.channels());
            if (image.height() != shape.height() || image.width() != shape.width()) {
                throw new ConfigException(files.get(i) + " has " + image.height() + "×" + image.width()
                        + " pixels, but the model reads " + shape.height() + "×" + shape.width());
            }
            processor.normalise(image, values, i * size);
        }
        try (NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            Tensor pixels = Tensors.of(values, files.size(), shape.channels(), shape.height(), shape.width())
                    .to(model.description().device().torch(), Dtype.F32.scalarType());
            return TextClassifier.predictions(model.logits(new ImageInput(pixels)), model.description());
        }
    }
}
