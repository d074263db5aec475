package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;

/**
 * Images as a model takes them.
 *
 * @param pixelValues floating {@code (batch, channels, height, width)}, resized and normalised
 */
public record ImageInput(Tensor pixelValues) implements ModelInput {
    /** The input as images; refuses tokens. */
    public static ImageInput of(ModelInput input) {
        if (input instanceof ImageInput images) {
            return images;
        }
        throw new ShapeException("the model reads images, but was given tokens");
    }

    /** Refuses a batch of another number of channels or another size, of which a negative one stands for any, or an empty one. */
    public void check(long channels, long height, long width) {
        Shapes.require("pixel_values", pixelValues, -1, channels, height, width);
        if (pixelValues.size(0) == 0) {
            throw new ShapeException("pixel_values must hold at least one image");
        }
    }
}
