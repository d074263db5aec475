package org.loft4j.data.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Decodes picture files with the JDK, of several pages the first. Transparency is dropped, and a camera's orientation undone. */
public final class ImageFile {
    private static final int LARGEST = 256 << 20;
    /** A photograph has more than a byte for a few pixels; a drawing of this size may be packed as it likes. */
    private static final long ALWAYS_ALLOWED = 16 << 20;

    private static final long PIXELS_A_BYTE = 64;
    private static final long MOST_PIXELS = 1 << 28;
    /** Twelve scans of as many; programs make ten. */
    private static final long MOST_SCANNED = 12 * MOST_PIXELS;
    /** What the numbers of a TIFF stand for (TIFF 6.0, section 8): white or black is 0; red, green and blue; a palette; YCbCr. */
    private static final Set<Integer> SHADES = Set.of(0, 1, 2, 3, 6);

    private static final int RGB = 2;
    /** TIFF 6.0, section 19. */
    private static final int UNSIGNED = 1;

    private static final int UNDEFINED = 4;
    private static final Set<String> ENDINGS = Set.of("png", "jpg", "jpeg", "jfif", "gif", "bmp", "tif", "tiff");

    private ImageFile() {}

    /** Whether a file's name ends as one that can be decoded: png, jpg, jpeg, jfif, gif, bmp, tif, tiff. */
    public static boolean isNamedAsOne(Path file) {
        return ENDINGS.contains(ending(file));
    }

    /** What stands behind the last full stop of a file's name, in small letters; empty if there is none. */
    static String ending(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        int stop = name.lastIndexOf('.');
        return stop < 0 ? "" : name.substring(stop + 1);
    }

    /** Those of files that can be decoded, in words. */
    static String endings() {
        return String.join(", ", ENDINGS.stream().sorted().toList());
    }

    /**
     * Reads a picture: one channel if the file is grey, else three.
     *
     * @throws DataException naming the file, if it cannot be decoded
     */
    public static Pixels read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new DataException(
                    file, "is a directory, not an image: name its images, or read all of them as data (--data)");
        }
        byte[] bytes = bytes(file);
        JpegHeader header = JpegHeader.of(bytes);
        // the reference takes the stored colours as they are, whatever profile a file has
        header.hideProfile();
        Pixels decoded;
        try {
            decoded = decoded(file, bytes, header);
        } catch (DataException e) {
            throw e;
        } catch (EOFException e) {
            throw endsEarly(file);
        } catch (IOException | RuntimeException e) {
            throw new DataException(file, "must be an image, but cannot be decoded: " + e.getMessage());
        }
        if (decoded == null) {
            throw new DataException(file, "must be an image (" + endings() + "), but is none that can be decoded");
        }
        return ExifOrientation.upright(decoded, ExifOrientation.of(bytes, header));
    }

    /** A device has no size, and perhaps no end. */
    private static byte[] bytes(Path file) throws IOException {
        if (Files.size(file) <= LARGEST) {
            try (InputStream in = Files.newInputStream(file)) {
                byte[] bytes = in.readNBytes(LARGEST + 1);
                if (bytes.length <= LARGEST) {
                    return bytes;
                }
            }
        }
        throw new DataException(file, "has more than " + (LARGEST >> 20) + " MiB: make it smaller");
    }

    private static @Nullable Pixels decoded(Path file, byte[] bytes, JpegHeader header) throws IOException {
        try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
            Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
            if (!readers.hasNext()) {
                return null;
            }
            ImageReader reader = readers.next();
            try {
                List<String> warnings = new ArrayList<>();
                reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
                reader.setInput(in, true, true);
                requireHonest(file, bytes.length, reader.getWidth(0), reader.getHeight(0));
                if (isTiled(bytes)) {
                    requireHonest(file, bytes.length, reader.getTileWidth(0), reader.getTileHeight(0));
                }
                requireFewScans(file, (long) reader.getWidth(0) * reader.getHeight(0), header.scans());
                requireShades(file, bytes);
                Pixels pixels = header.isOfInks()
                        ? Inks.pixels(reader.readRaster(0, null), header.isOfLuma())
                        : header.isOfUnnamedLuma()
                                ? Luma.pixels(reader.readRaster(0, null))
                                : pixels(file, reader.read(0));
                requireWhole(file, warnings);
                return pixels;
            } finally {
                reader.dispose();
            }
        }
    }

    /** A tile of a TIFF may be larger than the picture; a strip has as many rows as there are. */
    private static boolean isTiled(byte[] bytes) {
        return TiffTags.isTiff(bytes) && TiffTags.first(ByteBuffer.wrap(bytes), TiffTags.TILE_LENGTH, -1) >= 0;
    }

    /** The size is stated in some bytes of the header, and as much memory is taken before the first pixel is read. */
    private static void requireHonest(Path file, long bytes, long width, long height) throws DataException {
        long pixels = width * height;
        if (pixels > MOST_PIXELS || pixels > ALWAYS_ALLOWED && pixels / PIXELS_A_BYTE > bytes) {
            throw new DataException(
                    file,
                    "has " + width + "×" + height + " pixels by its header in " + bytes
                            + " bytes: damaged, or to be made smaller");
        }
    }

    /** Each scan of a JPEG goes over all pixels, and may itself have a few bytes. */
    private static void requireFewScans(Path file, long pixels, long scans) throws DataException {
        if (scans * pixels > MOST_SCANNED) {
            throw new DataException(
                    file,
                    "has " + pixels + " pixels in " + scans + " scans: damaged, or to be written anew with fewer");
        }
    }

    /** Where a JPEG ends early the decoder makes the rest grey. One that lacks nothing but its last marker is whole. */
    private static void requireWhole(Path file, List<String> warnings) throws DataException {
        if (warnings.stream().anyMatch(warning -> warning.contains("EOI"))
                && warnings.stream().anyMatch(warning -> warning.contains("premature end"))) {
            throw endsEarly(file);
        }
    }

    private static DataException endsEarly(Path file) {
        return new DataException(file, "must be a whole image, but ends early: get it anew, or take it away");
    }

    private static Pixels pixels(Path file, BufferedImage image) throws DataException {
        int height = image.getHeight();
        int width = image.getWidth();
        if (image.getColorModel() instanceof IndexColorModel palette) {
            return ofPalette(image, palette);
        }
        if (image.isAlphaPremultiplied()) {
            image.coerceData(false);
        }
        requireUsual(file, image.getColorModel());
        // the stored values themselves: getRGB would convert grey and profiled colours, which the reference does not
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        int channels = bands >= 3 ? 3 : 1;
        byte[] values = new byte[height * width * channels];
        for (int c = 0; c < channels; c++) {
            int bits = image.getColorModel().getComponentSize(c);
            int most = (1 << Math.min(bits, 8)) - 1;
            int excess = Math.max(0, bits - 8);
            int[] row = new int[width];
            for (int y = 0; y < height; y++) {
                raster.getSamples(0, y, width, 1, c, row);
                for (int x = 0; x < width; x++) {
                    values[(y * width + x) * channels + c] = (byte) ((row[x] >> excess) * 255 / most);
                }
            }
        }
        return new Pixels(height, width, channels, values);
    }

    /** A TIFF may hold measurements, which have no brightest value, and colours of four inks. */
    private static void requireUsual(Path file, ColorModel colours) throws DataException {
        int space = colours.getColorSpace().getType();
        if (space != ColorSpace.TYPE_RGB && space != ColorSpace.TYPE_GRAY) {
            throw unusual(file, "its colours are others");
        }
        if (colours.getComponentSize(0) > 16) {
            throw unusual(file, "has " + colours.getComponentSize(0) + " bits");
        }
    }

    /** The decoder does not tell of all inks, nor of colours such as Lab, and of numbers of 16 bits and less takes -1 for the brightest. */
    private static void requireShades(Path file, byte[] bytes) throws DataException {
        if (!TiffTags.isTiff(bytes)) {
            return;
        }
        ByteBuffer tiff = ByteBuffer.wrap(bytes);
        if (!SHADES.contains(TiffTags.first(tiff, TiffTags.PHOTOMETRIC, RGB))) {
            throw unusual(file, "its colours are others");
        }
        int format = TiffTags.first(tiff, TiffTags.SAMPLE_FORMAT, UNSIGNED);
        if (format != UNSIGNED && format != UNDEFINED) {
            throw unusual(file, "its numbers have a sign or a fraction");
        }
    }

    private static DataException unusual(Path file, String what) {
        return new DataException(
                file,
                "must be grey or of red, green and blue, with 16 bits each at most, but " + what
                        + ": convert it to png");
    }

    private static Pixels ofPalette(BufferedImage image, IndexColorModel palette) {
        int height = image.getHeight();
        int width = image.getWidth();
        int[] row = new int[width];
        byte[] values = new byte[height * width * 3];
        boolean grey = true;
        for (int i = 0; i < height * width; i++) {
            if (i % width == 0) {
                image.getRaster().getSamples(0, i / width, width, 1, 0, row);
            }
            int index = row[i % width];
            values[3 * i] = (byte) palette.getRed(index);
            values[3 * i + 1] = (byte) palette.getGreen(index);
            values[3 * i + 2] = (byte) palette.getBlue(index);
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
