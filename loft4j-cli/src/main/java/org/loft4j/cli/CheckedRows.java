package org.loft4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Columns;
import org.loft4j.data.Conversation;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataRows;
import org.loft4j.data.Dataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Message;
import org.loft4j.data.Row;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Truncations;

/**
 * The rows of one side of a split as a training would find them, faults and all.
 *
 * @param name which side
 * @param data what was read
 * @param faults what cannot be used: lines that cannot be read, then rows that the model cannot take
 * @param lengths of the examples that the rows become
 * @param cut what does not fit into the greatest length
 * @param altered answers that the chat template does not write as they were given
 * @param reshaped turns of conversations that the chat template takes in another form
 */
record CheckedRows(
        String name,
        DataRows data,
        List<String> faults,
        TokenLengths lengths,
        Truncations cut,
        long altered,
        long reshaped) {
    /** What is encoded at once; the blocks are shared out over the cores. */
    private static final int BLOCK = 64;

    /** Encodes some rows. */
    interface Encoder {
        Dataset encode(List<Row> rows, int maxLength) throws IOException;
    }

    /** Reads all that can be read; the rows are not encoded yet. */
    static CheckedRows read(String name, List<DataReference> sources, Columns columns) throws IOException {
        List<String> faults = new ArrayList<>();
        DataRows all = null;
        for (DataReference source : sources) {
            DataRows read =
                    DataFiles.readWhatCanBe(source, columns, fault -> faults.add(String.valueOf(fault.getMessage())));
            if (all == null || all.rows().isEmpty()) {
                all = read;
            } else if (!read.rows().isEmpty()) {
                if (read.format() != all.format()) {
                    faults.add(source.shown() + ": holds " + read.columns() + ", but "
                            + sources.get(0).shown() + " holds " + all.columns() + ": all rows must be of one kind");
                }
                List<Row> rows = new ArrayList<>(all.rows());
                rows.addAll(read.rows());
                all = new DataRows(rows, all.format(), all.columns(), all.classes(), all.blank() + read.blank());
            }
        }
        if (all == null) {
            throw new IllegalArgumentException("no source");
        }
        return new CheckedRows(name, all, faults, new TokenLengths(new int[0]), new Truncations(0, 0, 0), 0, 0);
    }

    /**
     * The same rows, encoded in blocks.
     *
     * @param chat how conversations are written; null where there are none
     */
    CheckedRows encoded(Encoder encoder, int maxLength, @Nullable ChatFormat chat) throws IOException {
        List<Row> rows = data.rows();
        List<Found> all;
        try {
            all = IntStream.range(0, (rows.size() + BLOCK - 1) / BLOCK)
                    .parallel()
                    .mapToObj(block -> rows.subList(block * BLOCK, Math.min(rows.size(), (block + 1) * BLOCK)))
                    .map(block -> found(block, encoder, maxLength, chat))
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        Found whole = new Found();
        all.forEach(whole::add);
        List<String> told = new ArrayList<>(faults);
        told.addAll(whole.faults);
        return new CheckedRows(
                name,
                data,
                told,
                TokenLengths.of(whole.lengths),
                new Truncations(whole.rows, whole.completions, whole.tokens),
                whole.altered,
                whole.reshaped);
    }

    /** What was found in some of the rows. */
    private static final class Found {
        private final List<String> faults = new ArrayList<>();
        private final List<Integer> lengths = new ArrayList<>();
        private long rows;
        private long completions;
        private long tokens;
        private long altered;
        private long reshaped;

        void add(Found more) {
            faults.addAll(more.faults);
            lengths.addAll(more.lengths);
            rows += more.rows;
            completions += more.completions;
            tokens += more.tokens;
            altered += more.altered;
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
            Arrays.stream(whole.lengths()).forEach(found.lengths::add);
            found.rows = lost.rows();
            found.completions = lost.completions();
            found.tokens = lost.tokens();
            found.altered = whole.altered();
            for (Row row : rows) {
                if (chat != null && row instanceof Conversation turns) {
                    found.reshaped += chat.template().reshaped(turns.messages(), chat.variables(turns));
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

    /** The number of rows of each class, or of words with each tag. */
    Map<String, Integer> labels() {
        Map<String, Integer> labels = new TreeMap<>();
        for (Row row : data.rows()) {
            if (row instanceof LabeledText labeled) {
                labels.merge(labeled.label(), 1, Integer::sum);
            } else if (row instanceof TaggedWords tagged) {
                tagged.tags().forEach(tag -> labels.merge(tag, 1, Integer::sum));
            }
        }
        return labels;
    }

    /** What the rows are to be learnt for: an answer, a label or tags; empty where they are all text. */
    String answer() {
        return switch (data.format()) {
            case TEXT -> "";
            case LABEL -> "label";
            case TAGS -> "tags";
            default -> "answer";
        };
    }

    /** Turns of the assistant in which nothing is said and no tool called. */
    long emptyAnswers() {
        return data.rows().stream()
                .filter(Conversation.class::isInstance)
                .flatMap(row -> ((Conversation) row).messages().stream())
                .filter(CheckedRows::isEmptyAnswer)
                .count();
    }

    private static boolean isEmptyAnswer(Message message) {
        Object content = message.fields().get("content");
        return message.role().equals("assistant")
                && message.fields().get("tool_calls") == null
                && (content == null || isBlank(content));
    }

    private static boolean isBlank(Object content) {
        return content instanceof List<?> parts
                ? parts.stream()
                        .allMatch(part -> part instanceof Map<?, ?> fields
                                && fields.get("text") instanceof String text
                                && text.isBlank())
                : content instanceof String text && text.isBlank();
    }
}
