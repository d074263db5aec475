package org.loft4j.data;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/**
 * The rows of files or of a query, read as they are asked for. Files must stay as they are: each opening compares their lengths and
 * times of change with those of the first.
 */
public final class DataStream implements RowSource {
    private final DataReference data;
    private final Columns columns;
    private final @Nullable Consumer<DataException> faults;
    private @Nullable Map<Path, String> files;
    private @Nullable RowKind kind;
    private Origin first = Origin.MEMORY;
    private List<String> classes = List.of();
    // of a whole pass; -1 before there was one
    private long blank = -1;

    /** @param faults takes the faults of rows, which are then left out; null where the first one ends the reading */
    DataStream(DataReference data, Columns columns, @Nullable Consumer<DataException> faults) {
        this.data = data;
        this.columns = columns;
        this.faults = faults;
    }

    @Override
    public String name() {
        return data.shown();
    }

    /** Which columns make a row; {@link RowFormat#AUTO} until one was read. */
    public RowFormat format() {
        RowKind known = kind;
        return known == null ? RowFormat.AUTO : known.format();
    }

    /** These columns in words. */
    public String columns() {
        RowKind known = kind;
        return known == null ? "nothing" : known.describe();
    }

    /** The names of the classes in the order that the data give them; empty where they give none, or until a row was read. */
    public List<String> classes() {
        return classes;
    }

    /** How many texts said nothing and were left out; 0 before the rows were read to their end. */
    public long blank() {
        return Math.max(0, blank);
    }

    @Override
    public RowCursor open() throws IOException {
        requireUnchanged();
        return new Cursor();
    }

    private void requireUnchanged() throws DataException {
        if (data.isQuery()) {
            return;
        }
        Map<Path, String> now = new LinkedHashMap<>();
        for (Path file : data.files()) {
            try {
                now.put(file, Files.size(file) + " bytes of " + Files.getLastModifiedTime(file));
            } catch (IOException e) {
                SourceText.requireFile(file);
                throw new DataException(file, "cannot be read: " + FileFault.of(e));
            }
        }
        Map<Path, String> before = files;
        if (before == null) {
            files = now;
            return;
        }
        if (!before.keySet().equals(now.keySet())) {
            throw new DataException(
                    data.text(),
                    "means other files than when it was read first: " + before.keySet() + ", now " + now.keySet());
        }
        for (Map.Entry<Path, String> file : now.entrySet()) {
            String then = before.get(file.getKey());
            if (!file.getValue().equals(then)) {
                throw new DataException(
                        file.getKey(),
                        "has changed since it was read first: it had " + then + ", now " + file.getValue()
                                + "; a run needs files that stay as they are");
            }
        }
    }

    private final class Cursor implements RowCursor {
        private final Deque<Row> read = new ArrayDeque<>();
        private final RowCollector rows = new RowCollector(columns, read::add, faults, true);
        private final DataReading reading;
        private boolean skipped;

        Cursor() throws DataException {
            RowKind known = kind;
            if (known != null) {
                rows.begin(known, first);
            }
            reading = DataReading.open(data, rows);
        }

        @Override
        public @Nullable Row next() throws DataException {
            while (read.isEmpty() && reading.advance()) {
                // a row, unless it ended in a fault
            }
            if (read.isEmpty() && !skipped) {
                blank = rows.blanks();
            }
            if (kind == null && !read.isEmpty()) {
                kind = rows.kind();
                classes = rows.classes();
                first = rows.first();
            }
            return read.poll();
        }

        @Override
        public void skip(long count) throws IOException {
            long left = count;
            // the first row of all says what the others are
            if (left > 0 && kind == null) {
                next();
                left--;
            }
            // what is left out shows only when it is read, and so does how many rows a record of texts that belong
            // together makes
            boolean reads =
                    faults != null || kind instanceof RowKind.Matched || kind instanceof RowKind.Plain && blank != 0;
            skipped |= left > 0 && !reads;
            while (left > 0 && (reads ? next() != null : reading.pass())) {
                left--;
                if (Thread.currentThread().isInterrupted()) {
                    throw new InterruptedIOException("stopped on the way to row " + (count + 1) + " of " + name());
                }
            }
        }

        @Override
        public void close() throws DataException {
            reading.close();
        }
    }
}
