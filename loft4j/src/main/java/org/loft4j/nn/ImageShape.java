package org.loft4j.nn;

import org.loft4j.Checks;

/**
 * The images that a model reads.
 *
 * @param channels 1 for grey, 3 for colours
 * @param height in pixels
 * @param width in pixels
 */
public record ImageShape(long channels, long height, long width) {
    public ImageShape {
        Checks.atLeast("num_channels", channels, 1);
        Checks.atLeast("image height", height, 1);
        Checks.atLeast("image width", width, 1);
    }
}
