package org.loft4j.data;

import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Takes the rows of one source, which may be several files; all of them are of one kind. */
final class RowCollector {
    private final Columns columns;
    private final Consumer<Row> rows;
    private final @Nullable Consumer<DataException> faults;
    private final boolean rowsAlone;
    private @Nullable RowKind kind;
    private Origin first = Origin.MEMORY;
    private List<String> classes = List.of();
    private long seen;
    private long blank;

    /**
     * @param rows takes the rows
     * @param faults takes the faults of rows, which are then left out; null where the first one ends the reading
     */
    RowCollector(Columns columns, Consumer<Row> rows, @Nullable Consumer<DataException> faults) {
        this(columns, rows, faults, false);
    }

    /** @param rowsAlone whether the fault of a file as a whole ends the reading all the same */
    RowCollector(Columns columns, Consumer<Row> rows, @Nullable Consumer<DataException> faults, boolean rowsAlone) {
        this.columns = columns;
        this.rows = rows;
        this.faults = faults;
        this.rowsAlone = rowsAlone;
    }

    Columns columns() {
        return columns;
    }

    /** The kind of all rows; null as long as none was seen. */
    @Nullable
    RowKind kind() {
        return kind;
    }

    /** Where the kind was recognised. */
    Origin first() {
        return first;
    }

    /** Says of which kind the rows that follow are. */
    void begin(RowKind found, Origin origin) throws DataException {
        RowKind known = kind;
        if (known == null) {
            kind = found;
            first = origin;
            SeveralLabels several = columns.several();
            classes = several == null ? List.of() : several.columns();
        } else if (!known.equals(found)) {
            throw origin.fault("holds " + found.describe() + ", but " + first.source() + " holds " + known.describe()
                    + ": all rows must be of one kind");
        }
    }

    /** Says in which order the data have their classes. */
    void classes(List<String> names) {
        if (classes.isEmpty()) {
            classes = names;
        }
    }

    List<String> classes() {
        return classes;
    }

    void add(Row row) {
        seen++;
        rows.accept(row);
    }

    /** Goes past a row that was not made. */
    void passed() {
        seen++;
    }

    /** Goes on without a row, or ends the reading. */
    void fault(DataException fault) throws DataException {
        seen++;
        if (faults == null) {
            throw fault;
        }
        faults.accept(fault);
    }

    /** Goes on behind a file or a query of which nothing more can be read, or ends the reading. */
    void faultOfSource(DataException fault) throws DataException {
        if (rowsAlone) {
            throw fault;
        }
        fault(fault);
    }

    /** Whether a text is one that says nothing, which is left out where all there is to learn is text. */
    boolean isBlank(String text) {
        return columns.answers() && text.isBlank();
    }

    /** Goes past such a row. */
    void blank() {
        blank++;
    }

    /** How many there were. */
    long blanks() {
        return blank;
    }

    /** Rows and faults so far: where it does not grow, a file holds nothing. */
    long seen() {
        return seen;
    }
}
