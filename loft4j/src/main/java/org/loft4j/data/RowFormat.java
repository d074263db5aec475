package org.loft4j.data;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** Which columns make a row, where this is stated rather than recognised. */
public enum RowFormat {
    /** Recognised by the names of the columns. */
    AUTO,
    /** A text to continue. */
    TEXT,
    /** A text and its class. */
    LABEL,
    /** A prompt and its completion. */
    PROMPT,
    /** A conversation: {@code messages} with {@code role} and {@code content}. */
    MESSAGES,
    /** A conversation: {@code conversations} with {@code from} and {@code value}. */
    SHAREGPT,
    /** {@code instruction}, {@code input}, which may be missing or empty, and {@code output}. */
    ALPACA,
    /** A prompt, the answer that is preferred, {@code chosen}, and another, {@code rejected}. */
    PREFERENCE,
    /** A prompt, an answer, {@code completion}, and whether that is good, {@code label}. */
    JUDGED,
    /** A prompt, or {@code messages} that end with who asks, whose answers a reward judges; it is told all columns. */
    REWARD,
    /** Two texts that belong together, {@code anchor} and {@code positive}, and texts that do not, {@code negative}. */
    MATCH,
    /** Words and a tag for each. */
    TAGS;

    /** The word for it in settings. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Reads the word.
     *
     * @throws ConfigException if it is unknown; the message lists those that are known
     */
    public static RowFormat parse(String word) {
        for (RowFormat format : values()) {
            if (format.word().equals(word.toLowerCase(Locale.ROOT))) {
                return format;
            }
        }
        throw new ConfigException("format must be one of "
                + Arrays.stream(values()).map(RowFormat::word).collect(Collectors.joining(", ")) + ", got " + word);
    }
}
