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
    /** The first one ends the call. */
    static final FaultyRows END = new FaultyRows(false, new PrintWriter(PrintWriter.nullWriter()));

    /** @param kind word for the rows in messages */
    DataRows read(DataReference data, Columns columns, String kind) throws IOException {
        if (!skip) {
            return DataFiles.readRows(data, columns);
        }
        LeftOutRows faulty = new LeftOutRows();
        DataRows read = DataFiles.readWithoutFaulty(data, columns, faulty::add);
        faulty.tell(read.rows().size(), kind + " row", err);
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
        LeftOutRows faulty = new LeftOutRows();
        sort(rows, encoder, usable, faulty);
        faulty.tell(usable.size(), kind + " row", err);
        return new Kept(usable, encoder.encode(usable));
    }

    /** Rows with a fault among them are tried in halves, until it is a row. */
    private static void sort(List<Row> rows, StreamingDataset.Encoder encoder, List<Row> usable, LeftOutRows faulty)
            throws IOException {
        try {
            encoder.encode(rows);
            usable.addAll(rows);
        } catch (DataException e) {
            if (rows.size() == 1) {
                faulty.add(e);
                return;
            }
            sort(rows.subList(0, rows.size() / 2), encoder, usable, faulty);
            sort(rows.subList(rows.size() / 2, rows.size()), encoder, usable, faulty);
        }
    }
}
