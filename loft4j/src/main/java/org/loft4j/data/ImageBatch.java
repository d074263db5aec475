package org.loft4j.data;

import org.jspecify.annotations.Nullable;

/**
 * Images that go through a model at once.
 *
 * @param rows number of images
 * @param channels 1 or 3
 * @param height in pixels
 * @param width in pixels
 * @param pixels normalised values, (rows, channels, height, width)
 * @param labels class of each image; none where an image may have several labels
 * @param scores 1 for the labels that each image has and 0 for the others, (rows, labels); null where each has one class
 */
public record ImageBatch(
        int rows, int channels, int height, int width, float[] pixels, long[] labels, float @Nullable [] scores)
        implements MiniBatch {
    /** Images of one class each. */
    public ImageBatch(int rows, int channels, int height, int width, float[] pixels, long[] labels) {
        this(rows, channels, height, width, pixels, labels, null);
    }

    @Override
    public long tokens() {
        return rows;
    }

    @Override
    public long targets() {
        return rows;
    }
}
