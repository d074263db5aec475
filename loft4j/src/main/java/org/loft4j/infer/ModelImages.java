package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.image.ImageFile;
import org.loft4j.data.image.ImageProcessor;
import org.loft4j.data.image.ImageProcessorFile;
import org.loft4j.data.image.Pixels;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * How pictures become what a model reads.
 *
 * @param processor what its directory says
 * @param shape of the images that come of it: those that the model was made for, or others that it reads too
 */
public record ModelImages(ImageProcessor processor, ImageShape shape) {
    /**
     * By {@code preprocessor_config.json} of the model's directory; without the file pictures get the size that the model was made
     * for, and values from −1 to 1.
     *
     * @throws ConfigException if the model does not read images, or not those that the file makes
     * @throws org.loft4j.DataException if the file says what is not supported
     */
    public static ModelImages of(Model model, Path directory) throws IOException {
        ImageShape made = model.imageShape();
        if (made == null) {
            throw new ConfigException("images need a model that reads them, got model_type "
                    + model.description().family());
        }
        int channels = (int) made.channels();
        ImageProcessor processor =
                ImageProcessorFile.readOr(directory, channels, (int) made.height(), (int) made.width());
        ImageProcessor.Size size = processor.made();
        ImageShape shape = size == null ? made : new ImageShape(channels, size.height(), size.width());
        if (model.imageStates(shape) == 0) {
            if (model.imageStates(new ImageShape(channels, 2 * made.height(), 2 * made.width())) > 0) {
                // it reads other sizes than its own
                throw new ConfigException("preprocessor_config.json makes images of " + shape.height() + "×"
                        + shape.width() + ", which are smaller than one patch of the model (patch_size): let size or"
                        + " crop_size be larger");
            }
            // refused in the next line, with the reason
            shape = made;
        }
        processor.requireFits(channels, (int) shape.height(), (int) shape.width());
        return new ModelImages(processor, shape);
    }

    /** The shape, as data of a training has it. */
    public ImageDataset.Shape read() {
        return new ImageDataset.Shape((int) shape.channels(), (int) shape.height(), (int) shape.width());
    }

    /**
     * What the model makes of pictures, {@code (pictures, labels)}, in an open {@link Inference}.
     *
     * @throws org.loft4j.DataException as {@link #read(List, DeviceSpec)} does
     */
    Tensor logits(Model model, List<Path> files) throws IOException {
        ImageInput input = read(files, model.description().device());
        return Inference.ofTokens(model, files.size() * model.imageStates(shape), () -> model.logits(input));
    }

    /**
     * Pictures as the model reads them; they belong to the open scope.
     *
     * @throws org.loft4j.DataException for a file that cannot be decoded, or does not become what the model reads
     */
    ImageInput read(List<Path> files, DeviceSpec device) throws IOException {
        ImageDataset.Shape read = read();
        int size = read.numbers(1);
        float[] values = new float[read.numbers(files.size())];
        for (int i = 0; i < files.size(); i++) {
            Pixels image = ImageFile.read(files.get(i));
            processor.requireMakes(files.get(i).toString(), image, read.height(), read.width());
            processor.normalise(processor.resized(image, read.channels()), values, i * size);
        }
        return new ImageInput(Tensors.of(values, files.size(), shape.channels(), shape.height(), shape.width())
                .to(device.torch(), Dtype.F32.scalarType()));
    }
}
