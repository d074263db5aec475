package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.RowSource;

/**
 * Where the texts of a call come from: the call itself, a file, else the lines of standard input.
 *
 * @param texts of the call; null for none
 * @param pairs a second text for each of them; null for none
 * @param data rows; null for none
 * @param leftOut takes rows that cannot be used; null where the first of them ends the call
 */
record AskedCall(
        @Nullable List<String> texts,
        @Nullable List<String> pairs,
        @Nullable DataReference data,
        ColumnFlags columns,
        @Nullable LeftOutRows leftOut,
        PrintWriter err) {
    /** Whether a person types the texts. */
    boolean isTyped() {
        return texts == null && data == null && Terminal.keyboard();
    }

    /** @param usable whether the tokenizer makes tokens of a text */
    AskedTexts open(AskedTexts.Usable usable) throws IOException {
        return open(Asked::of, usable);
    }

    /** @param reading what is asked in a row */
    AskedTexts open(AskedTexts.Reading reading, AskedTexts.Usable usable) throws IOException {
        return open(reading, usable, leftOut);
    }

    private AskedTexts open(AskedTexts.Reading reading, AskedTexts.Usable usable, @Nullable LeftOutRows leftOut)
            throws IOException {
        AskedTexts.Faults faults = leftOut == null ? AskedTexts.Faults.END : leftOut::add;
        if (texts != null) {
            return AskedTexts.of("--text", texts, pairs, usable);
        }
        if (data != null) {
            RowSource rows = leftOut == null
                    ? DataFiles.stream(data, columns.asked())
                    : DataFiles.streamWithoutFaulty(data, columns.asked(), leftOut::add);
            return AskedTexts.of(rows, reading, usable, faults);
        }
        if (isTyped()) {
            err.println("loft: lines are read from the keyboard; Ctrl-D ends them");
        }
        return AskedTexts.ofLines(System.in, usable, faults);
    }

    /**
     * How many texts there are, and whether all of them can be used, where that can be told before the first is asked about: a query
     * would have to be asked twice.
     */
    long count(AskedTexts.Usable usable) throws IOException {
        return count(Asked::of, usable);
    }

    /** @param reading what is asked in a row */
    long count(AskedTexts.Reading reading, AskedTexts.Usable usable) throws IOException {
        if (texts == null && (data == null || data.isQuery())) {
            return RowsLine.UNKNOWN;
        }
        // they are told of when they are asked about
        LeftOutRows once = leftOut == null ? null : new LeftOutRows();
        try (AskedTexts all = open(reading::first, usable, once)) {
            return all.count();
        }
    }
}
