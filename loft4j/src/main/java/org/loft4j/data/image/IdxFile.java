package org.loft4j.data.image;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.loft4j.DataException;

/**
 * A file of MNIST's format IDX, plain or gzipped: two zero bytes, the type (8 for bytes), the number of dimensions, each as a
 * big-endian int, then the values.
 *
 * @param shape sizes, the outermost first
 * @param values row by row
 */
record IdxFile(int[] shape, byte[] values) {
    private static final int UNSIGNED_BYTE = 8;

    /** Whether a file's name says that it holds images in this format, such as {@code train-images-idx3-ubyte.gz}. */
    static boolean isNamedAsImages(Path file) {
        String name = file.getFileName().toString();
        return name.matches(".*images[.-]idx3-ubyte(\\.gz)?");
    }

    /** The file of labels beside a file of images. */
    static Path labelsOf(Path images) throws DataException {
        String name = images.getFileName().toString();
        String stem =
                name.replaceFirst("\\.gz$", "").replace("images", "labels").replace("idx3", "idx1");
        for (String candidate : new String[] {stem + (name.endsWith(".gz") ? ".gz" : ""), stem, stem + ".gz"}) {
            Path labels = images.resolveSibling(candidate);
            if (Files.isRegularFile(labels)) {
                return labels;
            }
        }
        throw new DataException(images, "needs its labels beside it, as " + stem + " or " + stem + ".gz");
    }

    /** @param dimensions that the file must have */
    static IdxFile read(Path file, int dimensions) throws IOException {
        try (InputStream raw = file.toString().endsWith(".gz") ? GzipFile.open(file) : Files.newInputStream(file);
                DataInputStream in = new DataInputStream(new BufferedInputStream(raw))) {
            int magic = in.readInt();
            if (magic >>> 16 != 0 || (magic >>> 8 & 0xff) != UNSIGNED_BYTE || (magic & 0xff) != dimensions) {
                throw new DataException(
                        file,
                        "must be an IDX file of bytes in " + dimensions + " dimensions, but begins with 0x"
                                + Integer.toHexString(magic));
            }
            int[] shape = new int[dimensions];
            long count = 1;
            for (int i = 0; i < dimensions; i++) {
                shape[i] = in.readInt();
                if (shape[i] < 1) {
                    throw new DataException(file, "has a dimension of " + Integer.toUnsignedString(shape[i]));
                }
                count *= shape[i];
                if (count > Integer.MAX_VALUE - 16) {
                    throw new DataException(file, "holds more values than fit into memory here");
                }
            }
            byte[] values = in.readNBytes((int) count);
            if (values.length < count || in.read() >= 0) {
                throw new DataException(
                        file,
                        "must hold " + count + " values by its header, but holds "
                                + (values.length < count ? "only " + values.length : "more"));
            }
            return new IdxFile(shape, values);
        } catch (EOFException e) {
            throw new DataException(file, "ends within its header");
        } catch (java.util.zip.ZipException e) {
            throw new DataException(file, "must be gzipped by its name, but is not: " + e.getMessage());
        }
    }
}
