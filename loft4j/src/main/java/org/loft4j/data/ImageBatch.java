package org.loft4j.data;

/**
 * Images that go through a model at once.
 *
 * @param rows number of images
 * @param channels 1 or 3
 * @param height in pixels
 * @param width in pixels
 * @param pixels normalised values, (rows, channels, height, width)
 * @param labels class of each image
 */
public record ImageBatch(int rows, int channels, int height, int width, float[] pixels, long[] labels)
        implements MiniBatch {
    @Override
    public long tokens() {
        return rows;
    }

    @Override
    public long targets() {
        return rows;
    }
}
