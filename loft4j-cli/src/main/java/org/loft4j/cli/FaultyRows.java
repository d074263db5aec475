package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataRows;
import org.loft4j.data.Row;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenized;

/**
 * What becomes of rows that cannot be used.
 *
 * @param skip whether they are left out; else the first one ends the call
 * @param err where it is told how many there were
 */
record FaultyRows(boolean skip, PrintWriter err) {
    private static final int SHOWN = 5;

    /** The first one ends the call. */
    static final FaultyRows END = new FaultyRows(false, new PrintWriter(PrintWriter.nullWriter()));

    /** @param kind word for the rows in messages */
    DataRows read(DataReference data, Columns columns, String kind) throws IOException {
        if (!skip) {
            return DataFiles.readRows(data, columns);
        }
        List<DataException> faults = new ArrayList<>();
        DataRows read = DataFiles.readWithoutFaulty(data, columns, faults::add);
        tell(read.rows(), faults, kind);
        return read;
    }

    /** Rows without those that cannot be encoded, and what they became. */
    record Kept(List<Row> rows, Tokenized examples) {}

    /** @param kind word for the rows in messages */
    Kept encode(List<Row> rows, StreamingDataset.Encoder encoder, String kind) throws IOException {
        try {
            return new Kept(rows, encoder.encode(rows));
        } catch (DataException e) {
            if (!skip) {
                throw e;
            }
        }
        List<Row> usable = new ArrayList<>();
        List<DataException> faults = new ArrayList<>();
        sort(rows, encoder, usable, faults);
        tell(usable, faults, kind);
        return new Kept(usable, encoder.encode(usable));
    }

    /** Rows with a fault among them are tried in halves, until it is a row. */
    private static void sort(
            List<Row> rows, StreamingDataset.Encoder encoder, List<Row> usable, List<DataException> faults)
            throws IOException {
        try {
            encoder.encode(rows);
            usable.addAll(rows);
        } catch (DataException e) {
            if (rows.size() == 1) {
                faults.add(e);
                return;
            }
            sort(rows.subList(0, rows.size() / 2), encoder, usable, faults);
            sort(rows.subList(rows.size() / 2, rows.size()), encoder, usable, faults);
        }
    }

    private void tell(List<Row> usable, List<DataException> faults, String kind) throws DataException {
        if (faults.isEmpty()) {
            return;
        }
        if (usable.isEmpty()) {
            // nothing is left, and this is why
            throw faults.get(0);
        }
        err.println("loft: " + Quantities.of(faults.size(), kind + " row") + (faults.size() == 1 ? " is" : " are")
                + " left out (--skip-faulty-rows):");
        faults.stream().limit(SHOWN).forEach(fault -> err.println("  " + fault.getMessage()));
        if (faults.size() > SHOWN) {
            err.println("  …");
        }
    }
}
