package org.loft4j.data;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.ZipException;
import org.loft4j.DataException;
import org.loft4j.FileFault;
import org.loft4j.data.image.GzipFile;

/** The text of a data file, which may be longer than memory; unpacked where the name of the file ends in {@code .gz}. */
record SourceText(Path file, Bytes bytes) {
    /** Opens the bytes of a text from their beginning. */
    interface Bytes {
        InputStream open() throws IOException;
    }

    /** The text of a file. */
    static SourceText of(Path file) {
        boolean packed = file.toString().toLowerCase(Locale.ROOT).endsWith(".gz");
        return new SourceText(file, packed ? () -> GzipFile.open(file) : () -> Files.newInputStream(file));
    }

    static void requireFile(Path file) throws DataException {
        if (Files.isDirectory(file)) {
            throw new DataException(
                    file, "is a directory; name a file in it, or several by a pattern (" + file + "/*.csv)");
        }
        if (Files.notExists(file)) {
            throw new DataException(file, "there is no such file");
        }
    }

    /** Its characters; what they fail with is a {@link DataException}. */
    Reader open() throws DataException {
        try {
            return new Utf8Reader(file, bytes.open());
        } catch (ZipException | java.io.EOFException e) {
            throw new DataException(
                    file, "is not a whole gzip file" + (e.getMessage() == null ? "" : ": " + e.getMessage()));
        } catch (IOException e) {
            requireFile(file);
            throw new DataException(file, "cannot be read: " + FileFault.of(e));
        }
    }

    /** Its lines. */
    TextLines lines() throws DataException {
        return new TextLines(this, open());
    }

    /** The first character that is no blank; a blank if there is none. */
    char firstCharacter() throws DataException {
        try (Reader reader = open()) {
            char[] piece = new char[1 << 10];
            for (int n = reader.read(piece); n >= 0; n = reader.read(piece)) {
                for (int i = 0; i < n; i++) {
                    if (!Character.isWhitespace(piece[i])) {
                        return piece[i];
                    }
                }
            }
            return ' ';
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(file, "cannot be read: " + FileFault.of(e));
        }
    }

    Origin at(long line) {
        return new Origin(file, line);
    }
}
