package org.loft4j.data;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Takes the rows of one source, which may be several files; all of them are of one kind. */
final class RowCollector {
    private final Columns columns;
    private final Consumer<Row> rows;
    private final @Nullable Consumer<DataException> faults;
    private @Nullable RowKind kind;
    private Origin first = Origin.MEMORY;
    private long seen;

    /**
     * @param rows takes the rows
     * @param faults takes the faults of rows, which are then left out; null where the first one ends the reading
     */
    RowCollector(Columns columns, Consumer<Row> rows, @Nullable Consumer<DataException> faults) {
        this.columns = columns;
        this.rows = rows;
        this.faults = faults;
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
        } else if (!known.equals(found)) {
            throw origin.fault("holds " + found.describe() + ", but " + first.source() + " holds " + known.describe()
                    + ": all rows must be of one kind");
        }
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

    /** Rows and faults so far: where it does not grow, a file holds nothing. */
    long seen() {
        return seen;
    }
}
