package org.loft4j.data;

import java.io.FilterReader;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import org.loft4j.DataException;

/** Characters of rows that end somewhere: a quote that is never closed would otherwise be read until memory is full. */
final class BoundedRows extends FilterReader {
    /** Of a row, or a line. */
    static final int LONGEST = 1 << 23;

    private final Path file;
    private long row;

    BoundedRows(Path file, Reader rows) {
        super(rows);
        this.file = file;
    }

    /** Another row begins about here: parsers read ahead. */
    void next() {
        row = 0;
    }

    @Override
    public int read() throws IOException {
        int read = super.read();
        count(read < 0 ? 0 : 1);
        return read;
    }

    @Override
    public int read(char[] chars, int offset, int length) throws IOException {
        int read = super.read(chars, offset, length);
        count(Math.max(0, read));
        return read;
    }

    private void count(int characters) throws DataException {
        row += characters;
        if (row > LONGEST) {
            throw new DataException(file, "holds a row of more than " + LONGEST + " characters");
        }
    }
}
