package org.loft4j.data.image;

import java.awt.image.Raster;

/** Luma and two differences, as JFIF stores colours (ITU-T T.871, section 7), in the fixed point of the usual decoder. */
final class Luma {
    private Luma() {}

    /** Of the stored values of a picture. */
    static Pixels pixels(Raster stored) {
        int height = stored.getHeight();
        int width = stored.getWidth();
        int[] row = new int[3 * width];
        byte[] values = new byte[Math.multiplyExact(3 * height, width)];
        for (int y = 0; y < height; y++) {
            stored.getPixels(stored.getMinX(), stored.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++) {
                spread(row, 3 * x);
            }
            for (int i = 0; i < row.length; i++) {
                values[y * row.length + i] = (byte) row[i];
            }
        }
        return new Pixels(height, width, 3, values);
    }

    /** Puts red, green and blue in the place of luma, the difference of blue and that of red. */
    static void spread(int[] row, int at) {
        int luma = row[at];
        int blue = row[at + 1] - 128;
        int red = row[at + 2] - 128;
        row[at] = clamp(luma + (91881 * red + 32768 >> 16));
        row[at + 1] = clamp(luma + (-22554 * blue - 46802 * red + 32768 >> 16));
        row[at + 2] = clamp(luma + (116130 * blue + 32768 >> 16));
    }

    private static int clamp(int value) {
        return Math.max(0, Math.min(255, value));
    }
}
