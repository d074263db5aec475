package org.loft4j.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Reads data whole, so that a bad line is known before training starts, or as a {@link #stream}. The end of a file's name decides the format:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}: one JSON object a line; {@code .json}: the same, or one array of objects;
 *   <li>{@code .csv}, {@code .tsv}: a header line, then one row a line; quoted values may hold line ends;
 *   <li>{@code .txt}: each line is a row;
 *   <li>each of these with {@code .gz} behind it;
 *   <li>{@code .parquet}, and {@code .jsonl.zst}: read by DuckDB, which must be on the class path ({@code
 *       org.duckdb:duckdb_jdbc}), as are the results of queries.
 * </ul>
 *
 * Text must be UTF-8 (a byte order mark is skipped). Rows are {@code text} and {@code label}, {@code text} alone, {@code
 * prompt} and {@code completion}, {@code instruction}, {@code input} and {@code output}, or, but in CSV and TSV, {@code messages} or
 * {@code conversations} (which come first where a row has several of these), or {@code tokens} and {@code tags}; all rows are of one
 * kind, further columns are not read. Of rows that are text alone those that are blank are left out. Prompt and completion may be
 * lists of messages too.
 */
public final class DataFiles {
    private DataFiles() {}

    /** Reads rows with the usual column names. */
    public static List<Row> read(Path file) throws DataException {
        return read(file, Columns.auto());
    }

    /** Reads rows of a file from the columns that the caller names. */
    public static List<Row> read(Path file, Columns columns) throws DataException {
        return read(DataReference.of(file), columns);
    }

    /**
     * Reads rows of a file, of several or of a query from the columns that the caller names.
     *
     * @throws DataException at the first line that cannot be used: file, line counted from 1, and reason
     */
    public static List<Row> read(DataReference data, Columns columns) throws DataException {
        return readRows(data, columns).rows();
    }

    /** The same, with what the rows were recognised as. */
    public static DataRows readRows(DataReference data, Columns columns) throws DataException {
        return collect(data, columns, null);
    }

    /**
     * Reads what can be used, and goes on behind faults; the rows need not fit into memory.
     *
     * @param rows takes them in the order of the data
     * @param faults takes what cannot be used: lines, and files as a whole
     * @return what they were recognised as; it has no rows itself
     * @throws DataException if there are no such files
     */
    public static DataRows readWhatCanBe(
            DataReference data, Columns columns, Consumer<Row> rows, Consumer<DataException> faults)
            throws DataException {
        return pass(data, new RowCollector(columns, rows, faults));
    }

    /**
     * Reads the rows that can be used, and leaves out the others.
     *
     * @param faults takes what is wrong with those
     * @throws DataException if there are no such files, or one of them cannot be read to its end or holds another kind of row
     */
    public static DataRows readWithoutFaulty(DataReference data, Columns columns, Consumer<DataException> faults)
            throws DataException {
        return collect(data, columns, faults);
    }

    /**
     * Which columns make the first row that can be read; {@link RowFormat#AUTO} where none can, which reading tells. A query says it by
     * the names of its columns, and is not run.
     */
    public static RowFormat format(DataReference data, Columns columns) {
        RowCollector rows = new RowCollector(columns, row -> {}, fault -> {});
        try (DataReading reading = DataReading.open(data, rows)) {
            reading.begin();
            while (rows.kind() == null && reading.advance()) {
                // a faulty row is told, or skipped, by who reads all of them
            }
        } catch (DataException e) {
            // so is what ends the reading
        }
        RowKind kind = rows.kind();
        return kind == null ? RowFormat.AUTO : kind.format();
    }

    /** The same rows, read as they are asked for, so that they need not fit into memory. */
    public static DataStream stream(DataReference data, Columns columns) {
        return new DataStream(data, columns, null);
    }

    /**
     * The same without rows that cannot be used.
     *
     * @param faults takes what is wrong with those, each time they are read
     */
    public static DataStream streamWithoutFaulty(DataReference data, Columns columns, Consumer<DataException> faults) {
        return new DataStream(data, columns, faults);
    }

    private static DataRows collect(DataReference data, Columns columns, @Nullable Consumer<DataException> faults)
            throws DataException {
        List<Row> rows = new ArrayList<>();
        try {
            DataRows read = pass(data, new RowCollector(columns, rows::add, faults, faults != null));
            return new DataRows(rows, read.format(), read.columns(), read.classes(), read.blank());
        } catch (OutOfMemoryError e) {
            throw new DataException(
                    data.shown(),
                    "its rows do not fit into memory: give Java a larger heap (-Xmx, which ./loft takes from LOFT_JAVA_OPTS),"
                            + " stream them, or take a part of them");
        }
    }

    private static DataRows pass(DataReference data, RowCollector collector) throws DataException {
        try (DataReading reading = DataReading.open(data, collector)) {
            while (reading.advance()) {
                // the collector has it
            }
        }
        RowKind kind = collector.kind();
        return new DataRows(
                List.of(),
                kind == null ? RowFormat.AUTO : kind.format(),
                kind == null ? "nothing" : kind.describe(),
                collector.classes(),
                collector.blanks());
    }
}
