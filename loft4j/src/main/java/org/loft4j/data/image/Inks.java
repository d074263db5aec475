package org.loft4j.data.image;

import java.awt.image.Raster;

/**
 * The colours of four inks as Pillow has them, which takes every such JPEG for one of Adobe's, whose values are those of paper
 * without ink: with C, M, Y and K stored, red is {@code K − (255 − C)·K / 255}, and so are green and blue.
 */
final class Inks {
    private static final int MOST = 255;

    private Inks() {}

    /**
     * Of the stored values of a picture.
     *
     * @param luma whether the first three bands are those of JFIF's YCbCr; what they stand for is the inks themselves
     */
    static Pixels pixels(Raster stored, boolean luma) {
        int height = stored.getHeight();
        int width = stored.getWidth();
        int[] row = new int[4 * width];
        byte[] values = new byte[Math.multiplyExact(3 * height, width)];
        for (int y = 0; y < height; y++) {
            stored.getPixels(stored.getMinX(), stored.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++) {
                if (luma) {
                    spread(row, 4 * x);
                }
                int black = row[4 * x + 3];
                for (int c = 0; c < 3; c++) {
                    int ink = (MOST - row[4 * x + c]) * black + 128;
                    values[(y * width + x) * 3 + c] = (byte) (black - ((ink >> 8) + ink >> 8));
                }
            }
        }
        return new Pixels(height, width, 3, values);
    }

    /** From YCCK to CMYK. */
    private static void spread(int[] row, int at) {
        Luma.spread(row, at);
        for (int c = 0; c < 3; c++) {
            row[at + c] = MOST - row[at + c];
        }
    }
}
