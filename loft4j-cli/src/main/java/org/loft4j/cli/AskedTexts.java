package org.loft4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.Conversation;
import org.loft4j.data.Origin;
import org.loft4j.data.PlainText;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.RowCursor;
import org.loft4j.data.RowSource;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.TextPair;
import org.loft4j.infer.TokenClassifier;

/** The texts that are asked about, given out some at a time: what they come from need not fit into memory. */
final class AskedTexts implements AutoCloseable {
    /** Batches that are sorted by length together, so that they have less padding, and printed together. */
    private static final int MOST_BATCHES = 16;

    private final Source source;
    private final Usable usable;
    private final Faults faults;
    private @Nullable IOException fault;

    /**
     * A text that is asked about, or a pair of texts.
     *
     * @param textPair null where there is one text
     * @param words of the text, where its row has them; null where it is cut at its blanks
     * @param written its tokens where a chat template has written it, with its special tokens; null elsewhere
     * @param origin where it was read
     */
    record Asked(
            String text,
            @Nullable String textPair,
            @Nullable List<String> words,
            long @Nullable [] written,
            Origin origin) {
        Asked(String text, @Nullable String textPair, Origin origin) {
            this(text, textPair, null, null, origin);
        }

        /** What is asked in a row, whatever it is labelled with. */
        static Asked of(Row row) throws DataException {
            if (row instanceof TextPair pair) {
                return new Asked(pair.text(), pair.textPair(), pair.origin());
            }
            if (row instanceof TaggedWords words) {
                return new Asked(words.text(), null, words.words(), null, words.origin());
            }
            if (row instanceof Conversation) {
                throw row.origin()
                        .fault("is a conversation, and texts are classified: name their column (--text-column)");
            }
            String text = row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
            return new Asked(text, null, row.origin());
        }

        /** The same of words to tag, which stand in one text. */
        static Asked ofWords(Row row) throws DataException {
            if (row instanceof TextPair) {
                throw row.origin()
                        .fault("is a pair of texts, and the model classifies words, of one text: name its column"
                                + " (--text-column) in rows without a second");
            }
            return of(row);
        }

        List<String> asWords() {
            return words == null ? TokenClassifier.words(text) : words;
        }
    }

    /** Gives texts one by one. */
    interface Source {
        /** The next; null behind the last. */
        @Nullable
        Asked next() throws IOException;

        /** Whether the next, or the end, is here already. */
        default boolean isReady() throws IOException {
            return true;
        }

        default void close() throws IOException {}
    }

    /** What is asked in a row. */
    @FunctionalInterface
    interface Reading {
        Asked of(Row row) throws IOException;

        /** The same of one that will be read again. */
        default Asked first(Row row) throws IOException {
            return of(row);
        }
    }

    /** Takes what is wrong with one that cannot be used, which is then left out, or ends the reading. */
    @FunctionalInterface
    interface Faults {
        /** The first one ends the reading. */
        Faults END = fault -> {
            throw fault;
        };

        void of(DataException fault) throws DataException;
    }

    /** Whether the tokenizer makes tokens of what is asked about, without which nothing can be said of it. */
    @FunctionalInterface
    interface Usable {
        boolean of(String text);

        /** Of both texts of a pair. */
        default boolean of(TextPair pair) {
            return of(pair.text()) && of(pair.textPair());
        }

        static Usable of(Predicate<String> text, Predicate<TextPair> pair) {
            return new Usable() {
                @Override
                public boolean of(String one) {
                    return text.test(one);
                }

                @Override
                public boolean of(TextPair both) {
                    return pair.test(both);
                }
            };
        }
    }

    private AskedTexts(Source source, Usable usable, Faults faults) {
        this.source = source;
        this.usable = usable;
        this.faults = faults;
    }

    /**
     * Texts of a call.
     *
     * @param option that gave them, for messages
     * @param pairs a second text for each; null for none
     * @param usable whether the tokenizer makes tokens of them
     */
    static AskedTexts of(String option, List<String> texts, @Nullable List<String> pairs, Usable usable) {
        Iterator<String> left = texts.iterator();
        Iterator<String> second = pairs == null ? Collections.emptyIterator() : pairs.iterator();
        long[] number = {0};
        return new AskedTexts(
                () -> left.hasNext()
                        ? new Asked(
                                left.next(),
                                second.hasNext() ? second.next() : null,
                                new Origin(option, ++number[0], Origin.Unit.ROW))
                        : null,
                usable,
                Faults.END);
    }

    /** Texts of rows. */
    static AskedTexts of(RowSource rows, Reading reading, Usable usable, Faults faults) throws IOException {
        RowCursor cursor = rows.open();
        return new AskedTexts(
                new Source() {
                    @Override
                    public @Nullable Asked next() throws IOException {
                        for (Row row = cursor.next(); row != null; row = cursor.next()) {
                            try {
                                return reading.of(row);
                            } catch (DataException e) {
                                faults.of(e);
                            }
                        }
                        return null;
                    }

                    @Override
                    public void close() throws IOException {
                        cursor.close();
                    }
                },
                usable,
                faults);
    }

    /** The lines of a stream that are not blank, as they come. The stream stays open. */
    static AskedTexts ofLines(InputStream stream, Usable usable, Faults faults) {
        return new AskedTexts(new ComingLines(stream, "standard input", false), usable, faults);
    }

    /** How many there are. */
    long count() throws IOException {
        long count = 0;
        while (one() != null) {
            count++;
        }
        return count;
    }

    /**
     * The next texts: as many as are here already and no more than {@code most}, but at least one; empty behind the last. What
     * comes before one that cannot be used is given out first.
     *
     * @throws IOException at one that cannot be used: where it is, and what is wrong
     */
    List<Asked> next(int most) throws IOException {
        if (fault != null) {
            throw fault;
        }
        List<Asked> some = new ArrayList<>();
        try {
            while (some.size() < most && (some.isEmpty() || source.isReady())) {
                Asked next = one();
                if (next == null) {
                    break;
                }
                some.add(next);
            }
        } catch (IOException e) {
            if (some.isEmpty()) {
                throw e;
            }
            fault = e;
        }
        return some;
    }

    /** Takes some of the texts. */
    @FunctionalInterface
    interface Taking {
        /** Whether more are wanted. */
        boolean of(List<Asked> some) throws IOException;
    }

    /** Gives out all of them, the first soon and later ones more at a time, until no more are wanted. */
    void inParts(int batchSize, Taking taking) throws IOException {
        int most = batchSize;
        List<Asked> some = next(most);
        while (!some.isEmpty() && taking.of(some)) {
            most = Math.min(2 * most, MOST_BATCHES * batchSize);
            some = next(most);
        }
    }

    private @Nullable Asked one() throws IOException {
        Asked next = source.next();
        while (next != null && !isUsable(next)) {
            faults.of(next.origin()
                    .fault("the tokenizer finds no tokens in "
                            + (next.textPair() == null ? "the text" : "one of the texts")));
            next = source.next();
        }
        return next;
    }

    private boolean isUsable(Asked one) {
        String pair = one.textPair();
        long[] written = one.written();
        return written != null
                ? written.length > 0
                : pair == null ? usable.of(one.text()) : usable.of(new TextPair(one.text(), pair));
    }

    @Override
    public void close() throws IOException {
        source.close();
    }
}
