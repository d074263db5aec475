package org.loft4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Conversation;
import org.loft4j.data.Dataset;
import org.loft4j.data.Row;
import org.loft4j.data.Truncations;

/**
 * The rows of one side of a split as a training would find them, faults and all.
 *
 * @param name which side
 * @param rows what was read
 * @param faults what cannot be used: lines that cannot be read, then rows that the model cannot take
 * @param lengths of the examples that the rows become
 * @param cut what does not fit into the greatest length
 * @param altered answers that the chat template does not write as they were given
 * @param unwritten rows of which the chat template leaves out what the system, or another than the assistant, says
 * @param reshaped turns of conversations that the chat template takes in another form
 */
record CheckedRows(
        String name,
        ScannedRows rows,
        List<String> faults,
        TokenLengths lengths,
        Truncations cut,
        long altered,
        long unwritten,
        long reshaped) {
    /** What is encoded at once; the blocks are shared out over the cores. */
    private static final int BLOCK = 64;

    /** What is in memory meanwhile, as texts: so many blocks, and about so many bytes. */
    private static final int BLOCKS = 64;

    private static final long BYTES = 1 << 24;

    /** Encodes some rows. */
    interface Encoder {
        Dataset encode(List<Row> rows, int maxLength) throws IOException;
    }

    /** The rows are not encoded yet. */
    CheckedRows(String name, ScannedRows rows) {
        this(name, rows, rows.faults(), TokenLengths.of(List.of()), new Truncations(0, 0, 0), 0, 0, 0);
    }

    /**
     * The same rows, read again and encoded in blocks.
     *
     * @param chat how conversations are written; null where there are none
     */
    CheckedRows encoded(Encoder encoder, int maxLength, @Nullable ChatFormat chat) throws IOException {
        Encoding encoding = new Encoding(encoder, maxLength, chat);
        try {
            rows.again(encoding::add);
            encoding.encode();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        Found whole = encoding.whole;
        List<String> told = new ArrayList<>(faults);
        told.addAll(whole.faults);
        return new CheckedRows(
                name,
                rows,
                told,
                new TokenLengths(whole.lengths),
                new Truncations(whole.rows, whole.completions, whole.tokens),
                whole.altered,
                whole.unwritten,
                whole.reshaped);
    }

    /** Takes rows one after the other, and encodes them when there are enough. */
    private static final class Encoding {
        private final Encoder encoder;
        private final int maxLength;
        private final @Nullable ChatFormat chat;
        private final Found whole = new Found();
        private final List<Row> some = new ArrayList<>();
        private long bytes;

        Encoding(Encoder encoder, int maxLength, @Nullable ChatFormat chat) {
            this.encoder = encoder;
            this.maxLength = maxLength;
            this.chat = chat;
        }

        void add(Row row) {
            some.add(row);
            bytes += row.heapBytes();
            if (some.size() == BLOCK * BLOCKS || bytes >= BYTES) {
                encode();
            }
        }

        void encode() {
            IntStream.range(0, (some.size() + BLOCK - 1) / BLOCK)
                    .parallel()
                    .mapToObj(block -> some.subList(block * BLOCK, Math.min(some.size(), (block + 1) * BLOCK)))
                    .map(block -> found(block, encoder, maxLength, chat))
                    .toList()
                    .forEach(whole::add);
            some.clear();
            bytes = 0;
        }
    }

    /** What was found in some of the rows. */
    private static final class Found {
        private final List<String> faults = new ArrayList<>();
        private final TreeMap<Integer, Long> lengths = new TreeMap<>();
        private long rows;
        private long completions;
        private long tokens;
        private long altered;
        private long unwritten;
        private long reshaped;

        void add(Found more) {
            faults.addAll(more.faults);
            more.lengths.forEach((length, count) -> lengths.merge(length, count, Long::sum));
            rows += more.rows;
            completions += more.completions;
            tokens += more.tokens;
            altered += more.altered;
            unwritten += more.unwritten;
            reshaped += more.reshaped;
        }
    }

    /** A block that has a fault is looked at in halves, until it is a row. */
    private static Found found(List<Row> rows, Encoder encoder, int maxLength, @Nullable ChatFormat chat) {
        Found found = new Found();
        try {
            Dataset whole = encoder.encode(rows, Integer.MAX_VALUE);
            boolean cuts = Arrays.stream(whole.lengths()).anyMatch(length -> length > maxLength);
            Truncations lost = cuts ? encoder.encode(rows, maxLength).truncations() : whole.truncations();
            Arrays.stream(whole.lengths()).forEach(length -> found.lengths.merge(length, 1L, Long::sum));
            found.rows = lost.rows();
            found.completions = lost.completions();
            found.tokens = lost.tokens();
            found.altered = whole.altered();
            if (chat != null) {
                for (Row row : rows) {
                    found.unwritten += chat.unwritten(row).isEmpty() ? 0 : 1;
                    for (Conversation turns : row.conversations()) {
                        found.reshaped += chat.template().reshaped(turns.messages(), chat.variables(turns));
                    }
                }
            }
            return found;
        } catch (DataException e) {
            if (rows.size() > 1) {
                Found halves = found(rows.subList(0, rows.size() / 2), encoder, maxLength, chat);
                halves.add(found(rows.subList(rows.size() / 2, rows.size()), encoder, maxLength, chat));
                return halves;
            }
            found.faults.add(String.valueOf(e.getMessage()));
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the rows are to be learnt for: an answer, a label or tags; empty where they are all text. */
    String answer() {
        return switch (rows.shape().format()) {
            case TEXT -> "";
            case LABEL -> "label";
            case TAGS -> "tags";
            case MATCH -> "positive";
            default -> "answer";
        };
    }
}
