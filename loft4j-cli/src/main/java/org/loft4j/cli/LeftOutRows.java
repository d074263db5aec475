package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.DataException;

/** Rows that cannot be used and are left out: how many, and what is wrong with the first of them. */
final class LeftOutRows {
    private static final int SHOWN = 5;

    private final List<DataException> first = new ArrayList<>();
    private long count;

    void add(DataException fault) {
        count++;
        if (first.size() < SHOWN) {
            first.add(fault);
        }
    }

    /**
     * Says what was left out, if anything was.
     *
     * @param used how many rows are left
     * @param kind word for the rows, such as {@code evaluation row}
     * @throws DataException what is wrong with the first, if nothing is left
     */
    void tell(long used, String kind, PrintWriter err) throws DataException {
        if (count == 0) {
            return;
        }
        if (used == 0) {
            throw first.get(0);
        }
        err.println("loft: " + Quantities.of(count, kind) + (count == 1 ? " is" : " are")
                + " left out (--skip-faulty-rows):");
        first.forEach(fault -> err.println("  " + fault.getMessage()));
        if (count > SHOWN) {
            err.println("  …");
        }
        err.flush();
    }
}
