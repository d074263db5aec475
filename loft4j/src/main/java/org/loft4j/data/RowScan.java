package org.loft4j.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.zip.CRC32C;
import org.loft4j.DataException;

/**
 * What one pass over rows found. It parses and checks every row, as reading data into memory does, so that a bad line is known
 * before training starts and not in its fifth hour; it keeps none but those held out. Whether each can be learnt shows when it is
 * encoded: {@link ExampleScan}.
 *
 * @param rows how many there are to learn from
 * @param characters of all their texts
 * @param checksum of all that they say
 * @param labels of those to learn from, if they have labels or tags and these are no numbers to be learnt as such
 * @param first the first of them, a hundred at most, and the first conversation where none of these is one: rows of prompts may be
 *     either, and conversations need a chat template
 * @param heldOut rows that are not learnt from
 */
public record RowScan(
        long rows, long characters, long checksum, SortedSet<String> labels, List<Row> first, List<Row> heldOut) {
    private static final int FIRST = 100;
    private static final int MOST_LABELS = 100_000;

    public RowScan {
        labels = Collections.unmodifiableSortedSet(new TreeSet<>(labels));
        first = List.copyOf(first);
        heldOut = List.copyOf(heldOut);
    }

    /** A pass over rows all of which are learnt from. */
    public static RowScan of(RowSource source) throws IOException {
        return of(source, row -> false);
    }

    /**
     * A pass over rows.
     *
     * @param heldOut which of them are not learnt from
     * @throws DataException at the first row that cannot be used, or if there is none to learn from
     */
    public static RowScan of(RowSource source, Predicate<? super Row> heldOut) throws IOException {
        return of(source, heldOut, true);
    }

    /** A pass over rows whose labels are numbers, which are not collected: there may be as many as rows. */
    public static RowScan ofScores(RowSource source, Predicate<? super Row> heldOut) throws IOException {
        return of(source, heldOut, false);
    }

    private static RowScan of(RowSource source, Predicate<? super Row> heldOut, boolean labelled) throws IOException {
        long rows = 0;
        long characters = 0;
        CRC32C crc = new CRC32C();
        TreeSet<String> labels = new TreeSet<>();
        List<Row> first = new ArrayList<>();
        List<Row> held = new ArrayList<>();
        boolean conversed = false;
        try (RowCursor cursor = source.open()) {
            for (Row row = cursor.next(); row != null; row = cursor.next()) {
                if (heldOut.test(row)) {
                    held.add(row);
                    continue;
                }
                rows++;
                characters += RowText.length(row);
                RowText.update(crc, row);
                if (labelled) {
                    addLabels(labels, row);
                }
                boolean newKind = row instanceof Conversation && !conversed;
                conversed |= newKind;
                if (newKind || first.size() < FIRST) {
                    first.add(row);
                }
            }
        }
        if (rows == 0) {
            throw new DataException(source.name(), "holds no rows to learn from");
        }
        return new RowScan(rows, characters, crc.getValue(), labels, first, held);
    }

    private static void addLabels(TreeSet<String> labels, Row row) throws DataException {
        if (row instanceof LabeledText labeled) {
            labels.add(labeled.label());
        } else if (row instanceof MultiLabelText several) {
            labels.addAll(several.labels());
        } else if (row instanceof TaggedWords tagged) {
            labels.addAll(tagged.tags());
        }
        if (labels.size() > MOST_LABELS) {
            throw row.origin().fault("has a label that is one of more than " + MOST_LABELS + ": is it another column?");
        }
    }
}
