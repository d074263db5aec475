package org.loft4j.data;

import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Which kind of row a file holds, and in which columns: decided once, from the header or the first row. */
sealed interface RowKind {
    /** Columns that conversations may have beside their messages. */
    List<String> BESIDE = List.of("tools", "chat_template_kwargs");

    /** The columns that every row must have. */
    List<String> columns();

    /** How messages name the kind. */
    String describe();

    /** Whether a row holds lists, which a table of text cannot. */
    default boolean nested() {
        return false;
    }

    record Labeled(String text, String label) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(text, label);
        }

        @Override
        public String describe() {
            return "\"" + text + "\" and \"" + label + "\"";
        }
    }

    record Plain(String text) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(text);
        }

        @Override
        public String describe() {
            return "\"" + text + "\" without a label";
        }
    }

    record Prompted(String prompt, String completion) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(prompt, completion);
        }

        @Override
        public String describe() {
            return "\"" + prompt + "\" and \"" + completion + "\"";
        }
    }

    record Chat(String messages) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(messages);
        }

        @Override
        public String describe() {
            return "\"" + messages + "\"";
        }

        @Override
        public boolean nested() {
            return true;
        }
    }

    record Tagged(String tokens, String tags) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(tokens, tags);
        }

        @Override
        public String describe() {
            return "\"" + tokens + "\" and \"" + tags + "\"";
        }

        @Override
        public boolean nested() {
            return true;
        }
    }

    /** Names that data sets have for the tags of words. */
    List<String> TAGS = List.of("tags", "ner_tags", "pos_tags", "labels");

    /**
     * Recognises the kind.
     *
     * @param present the names of a header or a first row
     * @param where which of the two it is, for messages
     */
    static RowKind recognise(Columns asked, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (asked.prompt() != null && asked.completion() != null) {
            return new Prompted(
                    named(asked.prompt(), "prompt", present, where, origin),
                    named(asked.completion(), "completion", present, where, origin));
        }
        boolean words = asked.text() == null ? present.contains("tokens") && !present.contains("text") : false;
        if (words) {
            String tags = asked.label() != null
                    ? asked.label()
                    : TAGS.stream().filter(present::contains).findFirst().orElse("tags");
            return new Tagged("tokens", named(tags, "label", present, where, origin));
        }
        if (asked.text() == null && asked.label() == null && present.contains("messages")) {
            return new Chat("messages");
        }
        if (asked.text() == null && asked.label() == null && present.contains("prompt")) {
            if (present.contains("text")) {
                throw origin.fault(where + "has both \"text\" and \"prompt\": name the columns to read"
                        + " (text_column, or prompt_column and completion_column)");
            }
            return new Prompted("prompt", named("completion", "completion", present, where, origin));
        }
        String text = named(asked.text() == null ? "text" : asked.text(), "text", present, where, origin);
        String label = label(asked, present, where, origin);
        return label == null ? new Plain(text) : new Labeled(text, label);
    }

    private static @Nullable String label(Columns asked, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (asked.label() != null) {
            return named(asked.label(), "label", present, where, origin);
        }
        return present.contains("label") ? "label" : null;
    }

    private static String named(String column, String role, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (!present.contains(column)) {
            throw origin.fault(where + "has no \"" + column + "\"; it has " + Quoted.list(present) + " (" + role
                    + "_column names another)");
        }
        return column;
    }
}
