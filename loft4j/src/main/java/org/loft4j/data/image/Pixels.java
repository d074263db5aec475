package org.loft4j.data.image;

import java.util.function.IntBinaryOperator;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * A picture of 8 bits a channel.
 *
 * @param height in pixels
 * @param width in pixels
 * @param channels 1 for grey, 3 for red, green and blue
 * @param values row by row from the top left, the channels of a pixel side by side; not copied
 */
public record Pixels(int height, int width, int channels, byte[] values) {
    public Pixels {
        Checks.atLeast("image height", height, 1);
        Checks.atLeast("image width", width, 1);
        if (channels != 1 && channels != 3) {
            throw new ConfigException("an image must have 1 or 3 channels, got " + channels);
        }
        if (values.length != Math.multiplyExact(Math.multiplyExact(height, width), channels)) {
            throw new ConfigException("an image of " + height + "×" + width + "×" + channels
                    + " needs as many bytes, got " + values.length);
        }
    }

    /** With another number of channels: grey three times, or the luma of ITU-R 601-2 as Pillow rounds it. */
    public Pixels withChannels(int wanted) {
        if (wanted == channels) {
            return this;
        }
        byte[] changed = new byte[height * width * wanted];
        for (int i = 0; i < height * width; i++) {
            if (wanted == 1) {
                int red = values[3 * i] & 0xff;
                int green = values[3 * i + 1] & 0xff;
                int blue = values[3 * i + 2] & 0xff;
                changed[i] = (byte) ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
            } else {
                changed[3 * i] = values[i];
                changed[3 * i + 1] = values[i];
                changed[3 * i + 2] = values[i];
            }
        }
        return new Pixels(height, width, wanted, changed);
    }

    /** A part of the picture, which must lie inside. */
    public Pixels crop(int top, int left, int newHeight, int newWidth) {
        if (top < 0 || left < 0 || top + newHeight > height || left + newWidth > width) {
            throw new ConfigException("a crop of " + newHeight + "×" + newWidth + " does not fit into an image of "
                    + height + "×" + width);
        }
        byte[] part = new byte[newHeight * newWidth * channels];
        for (int row = 0; row < newHeight; row++) {
            System.arraycopy(
                    values,
                    ((top + row) * width + left) * channels,
                    part,
                    row * newWidth * channels,
                    newWidth * channels);
        }
        return new Pixels(newHeight, newWidth, channels, part);
    }

    /**
     * Every pixel from elsewhere; black where that is outside.
     *
     * @param fromRow row of a pixel's origin, by its row and column
     * @param fromColumn column of a pixel's origin
     */
    Pixels moved(int newHeight, int newWidth, IntBinaryOperator fromRow, IntBinaryOperator fromColumn) {
        byte[] changed = new byte[newHeight * newWidth * channels];
        for (int row = 0; row < newHeight; row++) {
            for (int column = 0; column < newWidth; column++) {
                int y = fromRow.applyAsInt(row, column);
                int x = fromColumn.applyAsInt(row, column);
                if (y >= 0 && y < height && x >= 0 && x < width) {
                    System.arraycopy(
                            values,
                            (y * width + x) * channels,
                            changed,
                            (row * newWidth + column) * channels,
                            channels);
                }
            }
        }
        return new Pixels(newHeight, newWidth, channels, changed);
    }

    /** Left and right exchanged. */
    public Pixels mirrored() {
        return moved(height, width, (row, column) -> row, (row, column) -> width - 1 - column);
    }

    /** Moved down and to the right; black comes in. */
    public Pixels shifted(int down, int right) {
        return moved(height, width, (row, column) -> row - down, (row, column) -> column - right);
    }
}
