package org.loft4j.data;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * The names of the columns (the keys, in JSON) to read. Where all are null, the kind of row is recognised from the names
 * {@code text}, {@code label}, {@code prompt} and {@code completion}.
 *
 * @param text column of the text
 * @param label column of the label
 * @param prompt column of the prompt
 * @param completion column of the completion
 */
public record Columns(
        @Nullable String text,
        @Nullable String label,
        @Nullable String prompt,
        @Nullable String completion) {
    private static final Columns AUTO = new Columns(null, null, null, null);

    public Columns {
        if ((prompt == null) != (completion == null)) {
            throw new ConfigException("prompt_column and completion_column belong together: name both or neither");
        }
        if (prompt != null && (text != null || label != null)) {
            throw new ConfigException(
                    "prompt_column and completion_column exclude text_column and label_column: name one of the pairs");
        }
        var names = new LinkedHashSet<String>();
        Arrays.asList(text, label, prompt, completion).stream()
                .filter(Objects::nonNull)
                .forEach(name -> {
                    if (!names.add(name)) {
                        throw new ConfigException(
                                "column \"" + name + "\" is named for two things: each needs its own");
                    }
                });
    }

    /** Columns that are recognised by their usual names. */
    public static Columns auto() {
        return AUTO;
    }

    /** The column of the text, and, unless null, that of the label. */
    public static Columns of(@Nullable String text, @Nullable String label) {
        return new Columns(text, label, null, null);
    }
}
