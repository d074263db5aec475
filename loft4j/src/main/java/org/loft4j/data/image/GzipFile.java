package org.loft4j.data.image;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.loft4j.DataException;

/**
 * The content of a gzip file, up to what data comes to: a file of a few kilobytes can hold a thousand times as much of nothing.
 * Texts and pictures shrink to a tenth, rarely to a fiftieth.
 */
public final class GzipFile {
    private static final int BUFFER_BYTES = 1 << 16;
    private static final long ALWAYS_ALLOWED = 32L << 20;
    private static final long MOST_TIMES = 200;

    private GzipFile() {}

    /** Opens a file; reading ends with a {@link DataException} where it holds far more than its size tells. */
    public static InputStream open(Path file) throws IOException {
        InputStream packed = Files.newInputStream(file);
        try {
            return new Bounded(
                    new GZIPInputStream(packed, BUFFER_BYTES),
                    file,
                    Math.max(ALWAYS_ALLOWED, Math.multiplyExact(MOST_TIMES, Files.size(file))));
        } catch (IOException e) {
            packed.close();
            throw e;
        }
    }

    private static final class Bounded extends FilterInputStream {
        private final Path file;
        private long left;

        Bounded(InputStream in, Path file, long most) {
            super(in);
            this.file = file;
            this.left = most;
        }

        @Override
        public int read() throws IOException {
            int read = super.read();
            count(read < 0 ? 0 : 1);
            return read;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int read = super.read(bytes, offset, length);
            count(Math.max(0, read));
            return read;
        }

        @Override
        public long skip(long count) throws IOException {
            long skipped = super.skip(count);
            count(skipped);
            return skipped;
        }

        private void count(long bytes) throws DataException {
            left -= bytes;
            if (left < 0) {
                throw new DataException(
                        file,
                        "unpacks to more than " + MOST_TIMES + " times its size, which no data does: if it is meant so,"
                                + " unpack it yourself");
            }
        }
    }
}
