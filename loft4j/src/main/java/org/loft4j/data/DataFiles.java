package org.loft4j.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Reads data whole, so that a bad line is known before training starts. The end of a file's name decides the format:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}: one JSON object a line; {@code .json}: the same, or one array of objects;
 *   <li>{@code .csv}, {@code .tsv}: a header line, then one row a line; quoted values may hold line ends;
 *   <li>{@code .txt}: each line that is not blank is a row;
 *   <li>each of these with {@code .gz} behind it;
 *   <li>{@code .parquet}, and {@code .jsonl.zst}: read by DuckDB, which must be on the class path ({@code
 *       org.duckdb:duckdb_jdbc}), as are the results of queries.
 * </ul>
 *
 * Text must be UTF-8 (a byte order mark is skipped). Rows are {@code text} and {@code label}, {@code text} alone, {@code
 * prompt} and {@code completion}, {@code instruction}, {@code input} and {@code output}, or, but in CSV and TSV, {@code messages} or
 * {@code conversations} (which come first where a row has several of these), or {@code tokens} and {@code tags}; all rows are of one
 * kind, further columns are not read. Prompt and completion may be lists of messages too.
 */
public final class DataFiles {
    private static final String FORMATS =
            "the name must end in .jsonl, .ndjson, .json, .csv, .tsv or .txt, each also with"
                    + " .gz behind it, in .jsonl.zst or in .parquet";

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
        return collect(data, columns, null).result();
    }

    /**
     * Reads what can be used, and goes on behind faults.
     *
     * @param faults takes what cannot: lines, and files as a whole
     * @throws DataException if there are no such files
     */
    public static DataRows readWhatCanBe(DataReference data, Columns columns, Consumer<DataException> faults)
            throws DataException {
        return collect(data, columns, faults).result();
    }

    private static RowCollector collect(DataReference data, Columns columns, @Nullable Consumer<DataException> faults)
            throws DataException {
        RowCollector rows = new RowCollector(columns, faults);
        if (data.isQuery()) {
            try (DuckDb database = DuckDb.open(data.shown())) {
                database.read(data.text(), data.shown(), rows);
            } catch (DataException e) {
                rows.fault(e);
            }
            requireSome(data.shown(), rows, 0);
            return rows;
        }
        for (Path file : data.files()) {
            long before = rows.seen();
            try {
                read(file, rows);
            } catch (DataException e) {
                rows.fault(e);
            }
            requireSome(file.toString(), rows, before);
        }
        return rows;
    }

    private static void requireSome(String source, RowCollector rows, long before) throws DataException {
        if (rows.seen() == before) {
            rows.fault(new DataException(source, "holds no rows"));
        }
    }

    private static void read(Path file, RowCollector rows) throws DataException {
        String name =
                file.getFileName() == null ? "" : file.getFileName().toString().toLowerCase(Locale.ROOT);
        String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
        switch (plain.substring(plain.lastIndexOf('.') + 1)) {
            case "jsonl", "ndjson" -> JsonRows.lines(SourceText.read(file), rows);
            case "json" -> json(SourceText.read(file), rows);
            case "csv" -> TableRows.read(SourceText.read(file), rows, ',');
            case "tsv" -> TableRows.read(SourceText.read(file), rows, '\t');
            case "txt" -> lines(SourceText.read(file), rows);
            default -> readByDatabase(file, name, rows);
        }
    }

    private static void readByDatabase(Path file, String name, RowCollector rows) throws DataException {
        boolean lines = name.endsWith(".jsonl.zst") || name.endsWith(".ndjson.zst");
        if (!lines && !name.endsWith(".parquet")) {
            throw new DataException(file, "is of no known format: " + FORMATS);
        }
        SourceText.requireFile(file);
        try (DuckDb database = DuckDb.open(file.toString())) {
            if (lines) {
                database.readJsonLines(file, rows);
            } else {
                database.readParquet(file, rows);
            }
        }
    }

    /**
     * Reads a text file as one row, for language modelling over a book or a corpus ({@link Dataset#blocks}).
     *
     * @throws DataException if the file cannot be read, is not UTF-8 or is blank
     */
    public static PlainText readDocument(Path file) throws DataException {
        String text = SourceText.read(file).text();
        if (text.isBlank()) {
            throw new DataException(file, "holds no text");
        }
        return new PlainText(text, new Origin(file, 0));
    }

    private static void json(SourceText source, RowCollector rows) throws DataException {
        if (source.text().stripLeading().startsWith("[")) {
            JsonRows.array(source, rows);
        } else {
            JsonRows.lines(source, rows);
        }
    }

    private static void lines(SourceText source, RowCollector rows) throws DataException {
        if (!rows.columns().equals(Columns.auto()) && !rows.columns().equals(Columns.of(RowFormat.TEXT))) {
            throw new DataException(source.file(), "is plain text and has no columns to name");
        }
        rows.begin(new RowKind.Plain("line"), source.at(1));
        for (SourceText.Line line : source) {
            if (!line.text().isBlank()) {
                try {
                    rows.add(RowCheck.plain("line", line.text(), source.at(line.number())));
                } catch (DataException e) {
                    rows.fault(e);
                }
            }
        }
    }
}
