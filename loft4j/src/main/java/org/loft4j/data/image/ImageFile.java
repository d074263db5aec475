package org.loft4j.data.image;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import javax.imageio.ImageIO;
import org.loft4j.DataException;

/** Decodes picture files with the JDK. Transparency is dropped, and a camera's orientation undone. */
public final class ImageFile {
    private static final Set<String> ENDINGS = Set.of("png", "jpg", "jpeg", "gif", "bmp");

    private ImageFile() {}

    /** Whether a file's name ends as one that can be decoded: png, jpg, jpeg, gif, bmp. */
    public static boolean isNamedAsOne(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        return ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1));
    }

    /**
     * Reads a picture: one channel if the file is grey, else three.
     *
     * @throws DataException naming the file, if it cannot be decoded
     */
    public static Pixels read(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        BufferedImage decoded;
        try {
            decoded = ImageIO.read(new ByteArrayInputStream(bytes));
        } catch (IOException | RuntimeException e) {
            throw new DataException(file, "must be an image, but cannot be decoded: " + e.getMessage());
        }
        if (decoded == null) {
            throw new DataException(
                    file,
                    "must be an image ("
                            + String.join(", ", ENDINGS.stream().sorted().toList())
                            + "), but is none that can be decoded");
        }
        return ExifOrientation.upright(pixels(decoded), ExifOrientation.of(bytes));
    }

    private static Pixels pixels(BufferedImage image) {
        int height = image.getHeight();
        int width = image.getWidth();
        if (image.getColorModel() instanceof IndexColorModel palette) {
            return ofPalette(image, palette);
        }
        if (image.isAlphaPremultiplied()) {
            image.coerceData(false);
        }
        // the stored values themselves: getRGB would convert grey and profiled colours, which the reference does not
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        int channels = bands >= 3 ? 3 : 1;
        byte[] values = new byte[height * width * channels];
        for (int c = 0; c < channels; c++) {
            int excess = Math.max(0, image.getColorModel().getComponentSize(c) - 8);
            int[] band = raster.getSamples(0, 0, width, height, c, (int[]) null);
            for (int i = 0; i < band.length; i++) {
                values[i * channels + c] = (byte) (band[i] >> excess);
            }
        }
        return new Pixels(height, width, channels, values);
    }

    private static Pixels ofPalette(BufferedImage image, IndexColorModel palette) {
        int height = image.getHeight();
        int width = image.getWidth();
        int[] indices = image.getRaster().getSamples(0, 0, width, height, 0, (int[]) null);
        byte[] values = new byte[height * width * 3];
        boolean grey = true;
        for (int i = 0; i < indices.length; i++) {
            values[3 * i] = (byte) palette.getRed(indices[i]);
            values[3 * i + 1] = (byte) palette.getGreen(indices[i]);
            values[3 * i + 2] = (byte) palette.getBlue(indices[i]);
            grey &= values[3 * i] == values[3 * i + 1] && values[3 * i] == values[3 * i + 2];
        }
        if (!grey) {
            return new Pixels(height, width, 3, values);
        }
        byte[] single = new byte[height * width];
        for (int i = 0; i < single.length; i++) {
            single[i] = values[3 * i];
        }
        return new Pixels(height, width, 1, single);
    }
}
