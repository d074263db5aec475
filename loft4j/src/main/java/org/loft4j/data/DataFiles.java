package org.loft4j.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.loft4j.DataException;

/**
 * Reads data files whole, so that a bad line is known before training starts. The name's end decides the format:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}: one JSON object a line; {@code .json}: the same, or one array of objects;
 *   <li>{@code .csv}, {@code .tsv}: a header line, then one row a line; quoted values may hold line ends;
 *   <li>{@code .txt}: each line that is not blank is a row.
 * </ul>
 *
 * The text must be UTF-8 (a byte order mark is skipped). Rows are {@code text} and {@code label}, {@code text} alone, {@code
 * prompt} and {@code completion}, or, in JSON, {@code messages} (which come first where a row has several of these); all rows of a
 * file are of one kind, further columns are not read. Prompt and completion may be lists of messages too.
 */
public final class DataFiles {
    private DataFiles() {}

    /** Reads rows with the usual column names. */
    public static List<Row> read(Path file) throws DataException {
        return read(file, Columns.auto());
    }

    /**
     * Reads rows from the columns that the caller names.
     *
     * @throws DataException at the first line that cannot be used: file, line counted from 1, and reason
     */
    public static List<Row> read(Path file, Columns columns) throws DataException {
        String name = file.toString().toLowerCase(Locale.ROOT);
        String format = name.substring(name.lastIndexOf('.') + 1);
        List<Row> rows = switch (format) {
            case "jsonl", "ndjson" -> JsonRows.lines(SourceText.read(file), columns);
            case "json" -> json(SourceText.read(file), columns);
            case "csv" -> TableRows.read(SourceText.read(file), columns, ',');
            case "tsv" -> TableRows.read(SourceText.read(file), columns, '\t');
            case "txt" -> lines(SourceText.read(file), columns);
            default ->
                throw new DataException(
                        file, "is of no known format: the name must end in .jsonl, .ndjson, .json, .csv, .tsv or .txt");
        };
        if (rows.isEmpty()) {
            throw new DataException(file, "holds no rows");
        }
        return rows;
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

    private static List<Row> json(SourceText source, Columns columns) throws DataException {
        return source.text().stripLeading().startsWith("[")
                ? JsonRows.array(source, columns)
                : JsonRows.lines(source, columns);
    }

    private static List<Row> lines(SourceText source, Columns columns) throws DataException {
        if (!columns.equals(Columns.auto())) {
            throw new DataException(source.file(), "is plain text and has no columns to name");
        }
        var rows = new ArrayList<Row>();
        for (SourceText.Line line : source) {
            if (!line.text().isBlank()) {
                rows.add(RowCheck.plain("line", line.text(), source.at(line.number())));
            }
        }
        return rows;
    }
}
