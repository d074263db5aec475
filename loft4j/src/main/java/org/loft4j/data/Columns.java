package org.loft4j.data;

import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * The names of the columns (the keys, in JSON) to read. Where all are null and the format is {@link
 * RowFormat#AUTO}, the kind of row is recognised from the usual names.
 *
 * @param text column of the text
 * @param textPair column of a second text, which is read behind the first; null for none, or that of the usual name
 * @param label column of the label or of the tags
 * @param prompt column of the prompt
 * @param completion column of the completion; where answers are not read, or are made, it need not be named beside the prompt
 * @param format which columns make a row
 * @param answers whether rows have what is learnt: a label, tags, a completion or an output; else none of it is read, whatever it is
 * @param scores whether a label is a number to be learnt as such, with decimals too, and no class
 * @param several how a row says which labels its text has, where it may have several; null where it has one
 */
public record Columns(
        @Nullable String text,
        @Nullable String textPair,
        @Nullable String label,
        @Nullable String prompt,
        @Nullable String completion,
        RowFormat format,
        boolean answers,
        boolean scores,
        @Nullable SeveralLabels several) {
    private static final Columns AUTO = new Columns(null, null, null, null);

    public Columns {
        boolean rewarded = format == RowFormat.REWARD;
        if (rewarded && completion != null) {
            throw new ConfigException(
                    "format reward has no completion_column: the model makes the completions; leave it out");
        }
        if (prompt == null ? completion != null : answers && completion == null && !rewarded) {
            throw new ConfigException("prompt_column and completion_column belong together: name both or neither");
        }
        boolean judged = format == RowFormat.JUDGED;
        if (prompt != null && (text != null || textPair != null || (label != null && !judged))) {
            throw new ConfigException(
                    "prompt_column and completion_column exclude text_column, text_pair_column and label_column: name the ones"
                            + " or the others, or the format judged, in which a label says whether the completion is good");
        }
        boolean texts = format == RowFormat.AUTO || format == RowFormat.TEXT || format == RowFormat.LABEL;
        if ((text != null && !texts)
                || (textPair != null && !(texts && format != RowFormat.TEXT))
                || (label != null && !(texts && format != RowFormat.TEXT) && format != RowFormat.TAGS && !judged)
                || (prompt != null && format != RowFormat.AUTO && format != RowFormat.PROMPT && !judged && !rewarded)) {
            throw new ConfigException("format " + format.word() + " has no column of that name: leave out "
                    + (prompt != null
                            ? "prompt_column and completion_column"
                            : text != null && !texts
                                    ? "text_column"
                                    : textPair != null ? "text_pair_column" : "label_column")
                    + ", or the format");
        }
        boolean labels = format == RowFormat.AUTO || format == RowFormat.LABEL;
        if (several != null && (prompt != null || !labels || scores)) {
            throw new ConfigException(
                    "several labels are those of a text: they go with text_column and the format label, got "
                            + (prompt != null ? "prompt_column" : scores ? "numbers" : "format " + format.word()));
        }
        if (several != null && label != null && !several.columns().isEmpty()) {
            throw new ConfigException("label_column and label_columns exclude each other: name the one or the others");
        }
        // a label goes with the usual text where none is named, tags go with tokens
        String labelled = (label != null || textPair != null || several != null)
                        && text == null
                        && format != RowFormat.TAGS
                        && !judged
                ? "text"
                : text;
        var names = new LinkedHashSet<String>();
        Stream.concat(
                        Stream.of(labelled, textPair, label, prompt, completion),
                        several == null ? Stream.of() : several.columns().stream())
                .filter(Objects::nonNull)
                .forEach(name -> {
                    if (!names.add(name)) {
                        throw new ConfigException(
                                "column \"" + name + "\" is named for two things: each needs its own");
                    }
                });
    }

    /** Columns of rows whose labels are classes. */
    public Columns(
            @Nullable String text,
            @Nullable String textPair,
            @Nullable String label,
            @Nullable String prompt,
            @Nullable String completion,
            RowFormat format,
            boolean answers) {
        this(text, textPair, label, prompt, completion, format, answers, false, null);
    }

    /** Columns of rows to learn from. */
    public Columns(
            @Nullable String text,
            @Nullable String label,
            @Nullable String prompt,
            @Nullable String completion,
            RowFormat format) {
        this(text, null, label, prompt, completion, format, true);
    }

    /** Named columns; the rest is recognised. */
    public Columns(
            @Nullable String text, @Nullable String label, @Nullable String prompt, @Nullable String completion) {
        this(text, label, prompt, completion, RowFormat.AUTO);
    }

    /** The usual names of a format. */
    public static Columns of(RowFormat format) {
        return new Columns(null, null, null, null, format);
    }

    /** Columns that are recognised by their usual names. */
    public static Columns auto() {
        return AUTO;
    }

    /** The same columns of rows that are asked and not learnt: their text, their prompt, their words. */
    public Columns questions() {
        return new Columns(text, textPair, label, prompt, completion, format, false, scores, several);
    }

    /** The same columns of rows whose labels are numbers to be learnt as such. */
    public Columns withScores() {
        return new Columns(text, textPair, label, prompt, completion, format, answers, true, null);
    }

    /** The same columns of rows whose texts may have several labels. */
    public Columns withSeveral(SeveralLabels labels) {
        return new Columns(text, textPair, label, prompt, completion, format, answers, false, labels);
    }

    /** The column of the text and that of the label; of the usual name where null. */
    public static Columns of(@Nullable String text, @Nullable String label) {
        return new Columns(text, label, null, null);
    }
}
