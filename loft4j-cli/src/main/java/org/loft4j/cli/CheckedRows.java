package org.loft4j.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
 * @param reshaped turns of conversations that the chat template takes in another form
 */
record CheckedRows(
        String name, DataRows data, List<String> faults, TokenLengths lengths, Truncations cut, long reshaped) {
    /** Encodes one row. */
    interface Encoder {
        Dataset encode(Row row, int maxLength) throws IOException;
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
                all = new DataRows(rows, all.format(), all.columns());
            }
        }
        if (all == null) {
            throw new IllegalArgumentException("no source");
        }
        return new CheckedRows(name, all, faults, new TokenLengths(new int[0]), new Truncations(0, 0, 0), 0);
    }

    /**
     * The same rows, encoded one by one.
     *
     * @param chat how conversations are written; null where there are none
     */
    CheckedRows encoded(Encoder encoder, int maxLength, @Nullable ChatFormat chat) throws IOException {
        List<String> found = new ArrayList<>(faults);
        List<Integer> all = new ArrayList<>();
        long rows = 0;
        long completions = 0;
        long tokens = 0;
        long reshaped = 0;
        for (Row row : data.rows()) {
            try {
                int longest = 0;
                for (int length : encoder.encode(row, Integer.MAX_VALUE).lengths()) {
                    all.add(length);
                    longest = Math.max(longest, length);
                }
                if (longest > maxLength) {
                    Truncations lost = encoder.encode(row, maxLength).truncations();
                    rows += lost.rows() > 0 ? 1 : 0;
                    completions += lost.completions() > 0 ? 1 : 0;
                    tokens += lost.tokens();
                }
                if (chat != null && row instanceof Conversation turns) {
                    reshaped += chat.template().reshaped(turns.messages(), chat.variables(turns));
                }
            } catch (DataException e) {
                found.add(String.valueOf(e.getMessage()));
            }
        }
        return new CheckedRows(
                name, data, found, TokenLengths.of(all), new Truncations(rows, completions, tokens), reshaped);
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
