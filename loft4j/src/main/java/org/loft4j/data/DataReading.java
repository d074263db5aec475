package org.loft4j.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Reads what a person named: file after file, or a query. The end of a file's name decides its format. */
final class DataReading implements RowReading {
    private static final String FORMATS =
            "the name must end in .jsonl, .ndjson, .json, .csv, .tsv or .txt, each also with"
                    + " .gz behind it, in .jsonl.zst or in .parquet";

    /** One of the things that are read one after the other. */
    private interface Source {
        RowReading open(RowCollector rows) throws DataException;
    }

    private record Named(String name, Source source) {}

    private final List<Named> sources;
    private final RowCollector rows;
    private int next;
    private @Nullable RowReading current;
    private long before;
    private long blankBefore;

    private DataReading(List<Named> sources, RowCollector rows) {
        this.sources = sources;
        this.rows = rows;
    }

    /** @throws DataException if there are no such files; nothing is read yet */
    static DataReading open(DataReference data, RowCollector rows) throws DataException {
        if (data.isQuery()) {
            Source query = collector ->
                    byDatabase(data.shown(), database -> database.query(data.text(), data.shown(), collector));
            return new DataReading(List.of(new Named(data.shown(), query)), rows);
        }
        return new DataReading(
                data.files().stream()
                        .map(file -> new Named(file.toString(), collector -> open(file, collector)))
                        .toList(),
                rows);
    }

    /** Opens the first of the sources that can be, which may tell the kind of its rows before any is read. */
    void begin() throws DataException {
        go(reading -> true);
    }

    @Override
    public boolean advance() throws DataException {
        return go(RowReading::advance);
    }

    @Override
    public boolean pass() throws DataException {
        boolean passed = go(RowReading::pass);
        if (passed) {
            rows.passed();
        }
        return passed;
    }

    private interface Move {
        boolean by(RowReading reading) throws DataException;
    }

    /** A source that fails is left, where faults are collected; else its fault ends the reading. */
    private boolean go(Move move) throws DataException {
        while (true) {
            RowReading reading = current;
            if (reading == null && next == sources.size()) {
                return false;
            }
            try {
                if (reading == null) {
                    before = rows.seen();
                    blankBefore = rows.blanks();
                    reading = sources.get(next++).source().open(rows);
                    current = reading;
                }
                if (move.by(reading)) {
                    return true;
                }
            } catch (DataException e) {
                rows.faultOfSource(e);
            }
            close();
            if (rows.seen() == before) {
                rows.faultOfSource(new DataException(
                        sources.get(next - 1).name(),
                        "holds no rows" + (rows.blanks() > blankBefore ? " but those whose text is blank" : "")));
            }
        }
    }

    @Override
    public void close() throws DataException {
        RowReading open = current;
        current = null;
        if (open != null) {
            open.close();
        }
    }

    private static RowReading open(Path file, RowCollector rows) throws DataException {
        String name =
                file.getFileName() == null ? "" : file.getFileName().toString().toLowerCase(Locale.ROOT);
        String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
        SourceText text = SourceText.of(file);
        SourceText.requireFile(file);
        return switch (plain.substring(plain.lastIndexOf('.') + 1)) {
            case "jsonl", "ndjson" -> JsonRows.lines(text, rows);
            case "json" -> text.firstCharacter() == '[' ? JsonRows.array(text, rows) : JsonRows.lines(text, rows);
            case "csv" -> TableRows.open(text, rows, ',');
            case "tsv" -> TableRows.open(text, rows, '\t');
            case "txt" -> PlainRows.open(text, rows);
            default -> openTable(file, name, rows);
        };
    }

    private static RowReading openTable(Path file, String name, RowCollector rows) throws DataException {
        if (name.endsWith(".jsonl.zst") || name.endsWith(".ndjson.zst")) {
            ZstdFrames.requireWhole(file);
            return byDatabase(file.toString(), database -> database.jsonLines(file, rows));
        }
        if (name.endsWith(".parquet")) {
            return byDatabase(file.toString(), database -> database.parquet(file, rows));
        }
        throw new DataException(file, "is of no known format: " + FORMATS);
    }

    private interface Table {
        RowReading read(DuckDb database) throws DataException;
    }

    private static RowReading byDatabase(String source, Table table) throws DataException {
        DuckDb database = DuckDb.open(source);
        try {
            return table.read(database);
        } catch (DataException | RuntimeException e) {
            database.close();
            throw e;
        }
    }
}
