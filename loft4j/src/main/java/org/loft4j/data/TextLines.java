package org.loft4j.data;

import java.io.IOException;
import java.io.Reader;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/** The lines of a text, one after the other; they end with LF or CR LF. An end of line at the end of a text begins no other. */
final class TextLines implements AutoCloseable {
    private static final int BUFFER = 1 << 15;

    private final SourceText source;
    private final Reader reader;
    private final char[] buffer = new char[BUFFER];
    private int position;
    private int limit;
    private long number;

    TextLines(SourceText source, Reader reader) {
        this.source = source;
        this.reader = reader;
    }

    /** The next line without its end; null behind the last. */
    @Nullable
    String next() throws DataException {
        StringBuilder begun = null;
        while (true) {
            if (position == limit && !fill()) {
                number += begun == null ? 0 : 1;
                return begun == null ? null : withoutReturn(begun.toString());
            }
            int end = position;
            while (end < limit && buffer[end] != '\n') {
                end++;
            }
            if (end < limit) {
                String piece = new String(buffer, position, end - position);
                position = end + 1;
                number++;
                return withoutReturn(begun == null ? piece : begun.append(piece).toString());
            }
            begun = begun == null ? new StringBuilder(2 * BUFFER) : begun;
            begun.append(buffer, position, end - position);
            position = end;
            if (begun.length() > BoundedRows.LONGEST) {
                throw new DataException(
                        source.file(), number + 1, "is longer than " + BoundedRows.LONGEST + " characters");
            }
        }
    }

    /** The next line that is not blank; null behind the last. */
    @Nullable
    String nextFilled() throws DataException {
        String line = next();
        while (line != null && line.isBlank()) {
            line = next();
        }
        return line;
    }

    /** Where the line is that was read last. */
    Origin origin() {
        return source.at(number);
    }

    private static String withoutReturn(String line) {
        return line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
    }

    private boolean fill() throws DataException {
        try {
            limit = Math.max(0, reader.read(buffer, 0, BUFFER));
            position = 0;
            return limit > 0;
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + FileFault.of(e));
        }
    }

    @Override
    public void close() throws DataException {
        try {
            reader.close();
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be closed: " + FileFault.of(e));
        }
    }
}
