package org.loft4j.data;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What objects take on the Java heap, in bytes: by arithmetic, as HotSpot lays them out with references of four bytes (a heap below
 * 32 GB), and so about.
 */
final class HeapSize {
    private static final int ARRAY = 16;
    private static final int REFERENCE = 4;
    private static final int STRING = 24;

    /** A record of up to five references. */
    private static final int RECORD = 32;

    /** A row, and where it comes from. */
    private static final int ROW = RECORD + 32;

    private static final int LIST = 24;

    /** A linked map behind one that cannot be changed. */
    private static final int MAP = 32 + 56;

    private static final int ENTRY = 40;
    private static final int NUMBER = 24;

    private HeapSize() {}

    static long ofInts(long count) {
        return padded(ARRAY + Integer.BYTES * count);
    }

    static long of(int[][] arrays) {
        long bytes = ofReferences(arrays.length);
        for (int[] array : arrays) {
            bytes += ofInts(array.length);
        }
        return bytes;
    }

    static long of(Row row) {
        if (row instanceof LabeledText labeled) {
            return ROW + of(labeled.text()) + ofValue(labeled.textPair()) + of(labeled.label());
        }
        if (row instanceof MultiLabelText several) {
            return ROW + of(several.text()) + ofValue(several.textPair()) + ofValue(several.labels());
        }
        if (row instanceof TextPair pair) {
            return ROW + of(pair.text()) + of(pair.textPair());
        }
        if (row instanceof PromptCompletion prompted) {
            boolean asItStands = prompted.turn().equals(prompted.prompt());
            return ROW
                    + of(prompted.prompt())
                    + of(prompted.completion())
                    + (asItStands ? 0 : of(prompted.turn()))
                    + (prompted.before().isEmpty() ? 0 : ofTurns(prompted.before()));
        }
        if (row instanceof TaggedWords tagged) {
            return ROW + ofValue(tagged.words()) + ofValue(tagged.tags());
        }
        if (row instanceof Conversation conversation) {
            return ROW + ofTurns(conversation.messages()) + ofValue(conversation.variables());
        }
        if (row instanceof Preference preference) {
            return RECORD + of(preference.chosen()) + ofAnswer(preference.rejected());
        }
        if (row instanceof JudgedAnswer judged) {
            return RECORD + of(judged.answer());
        }
        if (row instanceof RewardedPrompt prompt) {
            return RECORD + of(prompt.prompt()) + ofValue(prompt.columns());
        }
        if (row instanceof TextMatch match) {
            return ROW + of(match.anchor()) + of(match.positive()) + ofValue(match.negatives());
        }
        return ROW + of(((PlainText) row).text());
    }

    /** A row without its prompt, and without where it comes from: another has both. */
    private static long ofAnswer(Row row) {
        if (row instanceof Conversation conversation) {
            List<Message> turns = conversation.messages();
            return RECORD
                    + LIST
                    + ofReferences(turns.size())
                    + of(turns.get(turns.size() - 1))
                    + ofValue(conversation.variables());
        }
        return RECORD + of(RowText.answer(row));
    }

    private static long ofTurns(List<Message> turns) {
        long bytes = LIST + ofReferences(turns.size());
        for (Message message : turns) {
            bytes += of(message);
        }
        return bytes;
    }

    private static long of(Message message) {
        return ARRAY + ofValue(message.fields());
    }

    /** What was read of JSON; the names in a map are shared by all rows. */
    private static long ofValue(@Nullable Object value) {
        if (value instanceof String text) {
            return of(text);
        }
        long bytes = 0;
        if (value instanceof List<?> list) {
            bytes = LIST + ofReferences(list.size());
            for (Object one : list) {
                bytes += ofValue(one);
            }
            return bytes;
        }
        if (value instanceof Map<?, ?> map) {
            bytes = MAP + (map.isEmpty() ? 0 : ofReferences(places(map.size()))) + (long) ENTRY * map.size();
            for (Object one : map.values()) {
                bytes += ofValue(one);
            }
            return bytes;
        }
        return value instanceof Number ? NUMBER : 0;
    }

    /** Of the table of a map: a power of two of which entries fill three quarters at most. */
    private static long places(int entries) {
        long places = 1;
        while (places < entries / 0.75 + 1) {
            places *= 2;
        }
        return places;
    }

    /** A byte a character where all are of Latin-1, else two. */
    static long of(String text) {
        long bytes = text.length();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 255) {
                bytes *= 2;
                break;
            }
        }
        return STRING + padded(ARRAY + bytes);
    }

    private static long ofReferences(long count) {
        return padded(ARRAY + REFERENCE * count);
    }

    private static long padded(long bytes) {
        return (bytes + 7) / 8 * 8;
    }
}
