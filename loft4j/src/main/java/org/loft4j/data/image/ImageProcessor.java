package org.loft4j.data.image;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * What is done to a picture before a model sees it, in this order: channels, size, crop, factor, normalisation.
 *
 * @param resize null to leave the size
 * @param crop part around the middle that is kept; null for all
 * @param factor that values of 0 to 255 are multiplied by
 * @param mean that is taken off each channel afterwards; empty for none
 * @param std that each channel is divided by after that; as many as mean
 */
public record ImageProcessor(
        @Nullable Resize resize, @Nullable Size crop, double factor, List<Double> mean, List<Double> std) {
    /** In pixels. */
    public record Size(int height, int width) {
        public Size {
            Checks.atLeast("height", height, 1);
            Checks.atLeast("width", width, 1);
        }
    }

    /**
     * How the size changes.
     *
     * @param size the new one; null to keep the proportions
     * @param shortestEdge the new length of the shorter side where there is no size
     */
    public record Resize(Resampling resampling, @Nullable Size size, int shortestEdge) {
        Size of(Pixels image) {
            if (size != null) {
                return size;
            }
            int shorter = Math.min(image.height(), image.width());
            int longer = (int) ((double) shortestEdge * Math.max(image.height(), image.width()) / shorter);
            return image.width() <= image.height() ? new Size(longer, shortestEdge) : new Size(shortestEdge, longer);
        }
    }

    public ImageProcessor {
        mean = List.copyOf(mean);
        std = List.copyOf(std);
        Checks.positive("rescale_factor", factor);
        if (mean.size() != std.size() || std.stream().anyMatch(s -> !(s > 0))) {
            throw new ConfigException(
                    "image_std must have a positive number for each of image_mean, got " + std + " and " + mean);
        }
    }

    /** For a model without a file that says: its size, bilinear, values from −1 to 1. */
    public static ImageProcessor plain(int channels, int height, int width) {
        List<Double> half = java.util.Collections.nCopies(channels, 0.5);
        Resize resize = new Resize(Resampling.BILINEAR, new Size(height, width), 0);
        return new ImageProcessor(resize, null, 1 / 255.0, half, half);
    }

    /** The size of all pictures that this makes; null where it depends on the picture. */
    public @Nullable Size made() {
        return crop != null ? crop : resize != null ? resize.size() : null;
    }

    /** Whether any part of a picture becomes as large as the whole. */
    public boolean makesOneSize() {
        return resize != null
                && (resize.size() != null
                        || (crop != null && resize.shortestEdge() >= Math.max(crop.height(), crop.width())));
    }

    /** Refuses a model whose images this does not make. */
    public void requireFits(int channels, int height, int width) {
        if (!mean.isEmpty() && mean.size() != channels) {
            throw new ConfigException("image_mean must have a number for each of the model's " + channels
                    + " channels, got " + mean.size());
        }
        Size made = made();
        if (made != null && (made.height() != height || made.width() != width)) {
            throw new ConfigException("preprocessor_config.json makes images of " + made.height() + "×" + made.width()
                    + ", but the model reads " + height + "×" + width + ": its size must be the model's image_size");
        }
    }

    /**
     * Refuses a picture that {@link #resized} does not bring to a size, without resizing it.
     *
     * @param name of the picture, which is told
     */
    public void requireMakes(String name, Pixels image, int height, int width) throws DataException {
        Size size = resize == null ? new Size(image.height(), image.width()) : resize.of(image);
        String has = "has " + image.height() + "×" + image.width() + " pixels"
                + (resize == null ? "" : ", resized " + size.height() + "×" + size.width());
        if ((long) size.height() * size.width() > Integer.MAX_VALUE / 3) {
            throw new DataException(name, has + ": that is too large for an array of bytes");
        }
        if (crop != null && (crop.height() > size.height() || crop.width() > size.width())) {
            throw new DataException(
                    name,
                    has + ", into which crop_size " + crop.height() + "×" + crop.width()
                            + " does not fit: leave the picture out, or let preprocessor_config.json resize to a larger size");
        }
        Size made = crop == null ? size : crop;
        if (made.height() != height || made.width() != width) {
            throw new DataException(
                    name,
                    has + ", but the model reads " + height + "×" + width
                            + ": let preprocessor_config.json resize or crop");
        }
    }

    /** The picture in the channels and the size of a model, not yet normalised. */
    public Pixels resized(Pixels image, int channels) {
        Pixels converted = image.withChannels(channels);
        if (resize != null) {
            Size size = resize.of(converted);
            converted = resize.resampling().resize(converted, size.height(), size.width());
        }
        if (crop != null) {
            converted = converted.crop(
                    (converted.height() - crop.height()) / 2,
                    (converted.width() - crop.width()) / 2,
                    crop.height(),
                    crop.width());
        }
        return converted;
    }

    /** Writes the values {@code (channels, height, width)} as the model sees them, in float32 as the reference computes them. */
    public void normalise(Pixels image, float[] target, int offset) {
        int channels = image.channels();
        int plane = image.height() * image.width();
        for (int c = 0; c < channels; c++) {
            float[] table = table(c);
            for (int i = 0; i < plane; i++) {
                target[offset + c * plane + i] = table[image.values()[i * channels + c] & 0xff];
            }
        }
    }

    private float[] table(int channel) {
        float[] table = new float[256];
        for (int value = 0; value < table.length; value++) {
            table[value] = (float) (value * factor);
            if (!mean.isEmpty()) {
                table[value] = (table[value] - mean.get(channel).floatValue())
                        / std.get(channel).floatValue();
            }
        }
        return table;
    }
}
