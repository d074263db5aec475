package org.loft4j.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.Conversation;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataRows;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Message;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Preference;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Row;
import org.loft4j.data.TaggedWords;

/**
 * What a pass over all rows that can be read has found. The rows themselves are not kept.
 *
 * @param sources where they are
 * @param wanted the columns that are read
 * @param shape what they were recognised as
 * @param count how many there are
 * @param some the first one of each kind, in the order of the data; empty where there are none
 * @param labels the number of rows of each class, or of words with each tag
 * @param emptyAnswers turns of the assistant in which nothing is said and no tool called
 * @param good answers that are judged to be good, one by one
 * @param faults lines that cannot be read
 */
record ScannedRows(
        List<DataReference> sources,
        Columns wanted,
        DataRows shape,
        long count,
        List<Row> some,
        SortedMap<String, Long> labels,
        long emptyAnswers,
        long good,
        List<String> faults) {
    /** @param also takes each row too */
    static ScannedRows of(List<DataReference> sources, Columns columns, Consumer<Row> also) throws IOException {
        List<String> faults = new ArrayList<>();
        Counts counts = new Counts();
        DataRows all = null;
        for (DataReference source : sources) {
            long before = counts.rows;
            DataRows read = DataFiles.readWhatCanBe(
                    source,
                    columns,
                    row -> {
                        counts.add(row);
                        also.accept(row);
                    },
                    fault -> faults.add(String.valueOf(fault.getMessage())));
            if (all == null || before == 0) {
                all = read;
            } else if (counts.rows > before) {
                if (read.format() != all.format()) {
                    faults.add(source.shown() + ": holds " + read.columns() + ", but "
                            + sources.get(0).shown() + " holds " + all.columns() + ": all rows must be of one kind");
                }
                all = new DataRows(List.of(), all.format(), all.columns(), all.classes(), all.blank() + read.blank());
            }
        }
        if (all == null) {
            throw new IllegalArgumentException("no source");
        }
        return new ScannedRows(
                sources,
                columns,
                all,
                counts.rows,
                List.copyOf(counts.some.values()),
                Collections.unmodifiableSortedMap(counts.labels),
                counts.emptyAnswers,
                counts.good,
                faults);
    }

    /**
     * Reads the same rows again.
     *
     * @throws DataException if there are more of them now, or fewer
     */
    void again(Consumer<Row> rows) throws DataException {
        AtomicLong now = new AtomicLong();
        for (DataReference source : sources) {
            DataFiles.readWhatCanBe(
                    source,
                    wanted,
                    row -> {
                        now.incrementAndGet();
                        rows.accept(row);
                    },
                    known -> {});
        }
        if (now.get() != count) {
            throw new DataException(
                    sources.get(0).shown() + (sources.size() > 1 ? ", …" : ""),
                    "had " + Quantities.of(count, "row") + " when read first, now " + now.get()
                            + ": its rows must stay the same while they are checked");
        }
    }

    private static final class Counts {
        private final Map<Class<? extends Row>, Row> some = new LinkedHashMap<>();
        private final TreeMap<String, Long> labels = new TreeMap<>();
        private long rows;
        private long emptyAnswers;
        private long good;

        void add(Row row) {
            rows++;
            some.putIfAbsent(row.getClass(), row);
            if (row instanceof JudgedAnswer judged) {
                good += judged.good() ? 1 : 0;
            } else if (row instanceof LabeledText labeled) {
                labels.merge(labeled.label(), 1L, Long::sum);
            } else if (row instanceof MultiLabelText several) {
                several.labels().forEach(label -> labels.merge(label, 1L, Long::sum));
            } else if (row instanceof TaggedWords tagged) {
                tagged.tags().forEach(tag -> labels.merge(tag, 1L, Long::sum));
            }
            for (Conversation conversation : row.conversations()) {
                List<Message> turns = conversation.messages();
                // the turns before the two answers of a preference are the same, and those before one that is judged
                // are not learnt
                emptyAnswers += turns
                        .subList(
                                row instanceof Preference
                                                || row instanceof JudgedAnswer
                                                || row instanceof RewardedPrompt
                                        ? conversation.given()
                                        : 0,
                                turns.size())
                        .stream()
                        .filter(ScannedRows::isEmptyAnswer)
                        .count();
            }
        }
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
