package org.loft4j.data;

import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Which kind of row a file holds, and in which columns: decided once, from the header or the first row. The column of what is
 * learnt is null where it is not read.
 */
sealed interface RowKind {
    /** The columns that every row must have. */
    List<String> columns();

    /** How messages name the kind. */
    default String describe() {
        return columns().stream().map(column -> '"' + column + '"').collect(Collectors.joining(" and "));
    }

    /** How settings name the kind. */
    RowFormat format();

    /** Columns that are read where they are. */
    default List<String> optional() {
        return List.of();
    }

    /** The column of the classes; null where there are none, or they are not read. */
    default @Nullable String label() {
        return null;
    }

    /** Whether a row holds lists, which a table of text cannot. */
    default boolean nested() {
        return false;
    }

    record Labeled(
            String text,
            @Nullable String textPair,
            @Nullable String label) implements RowKind {
        @Override
        public List<String> columns() {
            return Stream.of(text, textPair, label).filter(Objects::nonNull).toList();
        }

        @Override
        public RowFormat format() {
            return RowFormat.LABEL;
        }
    }

    /**
     * A text, or a pair, that may have several labels.
     *
     * @param labels the column that names them all, or one for each label
     */
    record MultiLabeled(String text, @Nullable String textPair, List<String> labels) implements RowKind {
        @Override
        public List<String> columns() {
            return Stream.concat(Stream.of(text, textPair).filter(Objects::nonNull), labels.stream())
                    .toList();
        }

        @Override
        public RowFormat format() {
            return RowFormat.LABEL;
        }

        @Override
        public @Nullable String label() {
            return labels.size() == 1 ? labels.get(0) : null;
        }
    }

    record Plain(String text) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(text);
        }

        @Override
        public RowFormat format() {
            return RowFormat.TEXT;
        }

        @Override
        public String describe() {
            return "\"" + text + "\" without a label";
        }
    }

    /** @param judged the column that says whether the completion is good; null where nothing does */
    record Prompted(
            String prompt,
            @Nullable String completion,
            @Nullable String judged) implements RowKind {
        @Override
        public List<String> columns() {
            return Stream.of(prompt, completion, judged)
                    .filter(Objects::nonNull)
                    .toList();
        }

        @Override
        public RowFormat format() {
            return judged == null ? RowFormat.PROMPT : RowFormat.JUDGED;
        }

        @Override
        public List<String> optional() {
            return List.of("system", "tools", "chat_template_kwargs");
        }
    }

    record Chat(String messages) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(messages);
        }

        @Override
        public RowFormat format() {
            return RowFormat.MESSAGES;
        }

        @Override
        public List<String> optional() {
            return List.of("system", "tools", "chat_template_kwargs");
        }

        @Override
        public boolean nested() {
            return true;
        }
    }

    record ShareGpt(String conversations) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(conversations);
        }

        @Override
        public RowFormat format() {
            return RowFormat.SHAREGPT;
        }

        @Override
        public List<String> optional() {
            return List.of("system", "tools", "chat_template_kwargs");
        }

        @Override
        public boolean nested() {
            return true;
        }
    }

    record Instructed(
            String instruction, String input, @Nullable String output) implements RowKind {
        @Override
        public List<String> columns() {
            return both(instruction, output);
        }

        @Override
        public RowFormat format() {
            return RowFormat.ALPACA;
        }

        @Override
        public List<String> optional() {
            return List.of(input, "system", "history");
        }
    }

    /** @param asked how the prompt is read; null where both answers come with it */
    record Preferred(@Nullable RowKind asked) implements RowKind {
        @Override
        public List<String> columns() {
            List<String> prompt = asked == null ? List.of() : asked.columns();
            return Stream.concat(prompt.stream(), Stream.of(PreferenceRows.CHOSEN, PreferenceRows.REJECTED))
                    .toList();
        }

        @Override
        public RowFormat format() {
            return RowFormat.PREFERENCE;
        }

        @Override
        public List<String> optional() {
            return asked == null ? List.of("system", "tools", "chat_template_kwargs") : asked.optional();
        }

        @Override
        public boolean nested() {
            return asked != null && asked.nested();
        }
    }

    /** @param asked the column of the prompt; a reward is told all others */
    record Rewarded(String asked) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(asked);
        }

        @Override
        public RowFormat format() {
            return RowFormat.REWARD;
        }

        @Override
        public boolean nested() {
            return asked.equals(RewardRows.MESSAGES);
        }
    }

    /** Texts that belong together; negatives are read where they are. */
    record Matched(String anchor, String positive) implements RowKind {
        @Override
        public List<String> columns() {
            return List.of(anchor, positive);
        }

        @Override
        public RowFormat format() {
            return RowFormat.MATCH;
        }

        @Override
        public List<String> optional() {
            return MatchRows.NEGATIVES;
        }
    }

    record Tagged(String tokens, @Nullable String tags) implements RowKind {
        @Override
        public List<String> columns() {
            return both(tokens, tags);
        }

        @Override
        public RowFormat format() {
            return RowFormat.TAGS;
        }

        @Override
        public @Nullable String label() {
            return tags;
        }

        @Override
        public boolean nested() {
            return true;
        }
    }

    private static List<String> both(String asked, @Nullable String answer) {
        return answer == null ? List.of(asked) : List.of(asked, answer);
    }

    /** Names that data sets have for what an instruction is about, and for the answer: Alpaca's, and Dolly's. */
    List<String> INPUTS = List.of("input", "context");

    List<String> OUTPUTS = List.of("output", "response");

    /** The first of some names that is there, else the first of all. */
    static String first(Collection<String> present, List<String> names) {
        return names.stream().filter(present::contains).findFirst().orElse(names.get(0));
    }

    /**
     * Recognises the kind.
     *
     * @param present the names of a header or a first row
     * @param where which of the two it is, for messages
     */
    static RowKind recognise(Columns asked, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (asked.several() != null && asked.answers()) {
            return asked.several().kind(asked, present, where, origin);
        }
        return switch (asked.format() == RowFormat.AUTO ? recognised(asked, present, where, origin) : asked.format()) {
            case MESSAGES -> new Chat(named("messages", "", present, where, origin));
            case SHAREGPT -> new ShareGpt(named("conversations", "", present, where, origin));
            case ALPACA ->
                new Instructed(
                        named("instruction", "", present, where, origin),
                        first(present, INPUTS),
                        asked.answers() ? named(first(present, OUTPUTS), "", present, where, origin) : null);
            case PROMPT -> PromptRows.kind(asked, null, present, where, origin);
            case JUDGED -> PromptRows.kind(asked, or(asked.label(), "label"), present, where, origin);
            case PREFERENCE -> PreferenceRows.kind(asked, present, where, origin);
            case REWARD -> RewardRows.kind(asked, present, where, origin);
            case MATCH -> MatchRows.kind(asked, present, where, origin);
            case TAGS -> TagRows.kind(asked, present, where, origin);
            case LABEL ->
                new Labeled(
                        named(or(asked.text(), "text"), "text", present, where, origin),
                        pair(asked, present, where, origin),
                        asked.answers() ? named(or(asked.label(), "label"), "label", present, where, origin) : null);
            case TEXT, AUTO -> new Plain(named(or(asked.text(), "text"), "text", present, where, origin));
        };
    }

    private static RowFormat recognised(Columns asked, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (asked.prompt() != null) {
            return RowFormat.PROMPT;
        }
        boolean recognisable = asked.text() == null && asked.textPair() == null && asked.label() == null;
        boolean preferred = present.contains(PreferenceRows.CHOSEN) && present.contains(PreferenceRows.REJECTED);
        if (recognisable && asked.answers() && preferred) {
            return RowFormat.PREFERENCE;
        }
        if (recognisable && asked.answers() && MatchRows.are(present)) {
            return RowFormat.MATCH;
        }
        if (asked.text() == null && present.contains("tokens") && !present.contains("text")) {
            return RowFormat.TAGS;
        }
        if (recognisable) {
            if (present.contains("messages")) {
                return RowFormat.MESSAGES;
            }
            if (present.contains("conversations")) {
                return RowFormat.SHAREGPT;
            }
            boolean instructed =
                    present.contains("instruction") && OUTPUTS.stream().anyMatch(present::contains);
            if (present.contains("text")
                    && (present.contains("prompt") || (instructed && !present.contains("label")))) {
                String other = present.contains("prompt") ? "prompt" : "instruction";
                throw origin.fault(
                        where + "has both \"text\" and \"" + other + "\": name the columns to read"
                                + " (text_column, or prompt_column and completion_column), or the format (text, prompt or alpaca)");
            }
            if (instructed && present.contains("prompt") && !present.contains("completion")) {
                // the whole text, answer and all, as a rule
                throw origin.fault(where + "has \"prompt\" without \"completion\" beside \"instruction\" and \""
                        + first(present, OUTPUTS)
                        + "\": name the format (--format alpaca reads these two), or the columns to"
                        + " read (prompt_column and completion_column, or text_column for a text alone)");
            }
            if (present.contains("prompt")) {
                boolean judged = asked.answers() && present.contains("completion") && present.contains("label");
                return judged ? RowFormat.JUDGED : RowFormat.PROMPT;
            }
            boolean asks = instructed || (!asked.answers() && present.contains("instruction"));
            if (asks && !present.contains("text")) {
                return RowFormat.ALPACA;
            }
            if (preferred && !present.contains("text")) {
                return RowFormat.PREFERENCE;
            }
        }
        // a label that is not read may be in some files and not in others
        boolean labelled =
                asked.label() != null || asked.textPair() != null || present.contains("label") || !asked.answers();
        if (recognisable && !labelled && !present.contains("text") && present.size() > 1) {
            throw origin.fault(where + "has no \"text\" and no \"label\"; it has " + Quoted.list(present)
                    + " (text_column, --text-column, and of a classifier label_column, --label-column, name others)");
        }
        return labelled ? RowFormat.LABEL : RowFormat.TEXT;
    }

    /** The column of the second text, if there is one; of the usual name only beside the usual text. */
    static @Nullable String pair(Columns asked, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (asked.textPair() != null) {
            return named(asked.textPair(), "text_pair", present, where, origin);
        }
        return asked.text() == null && present.contains("text_pair") ? "text_pair" : null;
    }

    static String or(@Nullable String column, String usual) {
        return column == null ? usual : column;
    }

    static String named(String column, String role, Collection<String> present, String where, Origin origin)
            throws DataException {
        if (!present.contains(column)) {
            throw origin.fault(where + "has no \"" + column + "\"; it has " + Quoted.list(present)
                    + (role.isEmpty()
                            ? ""
                            : " (" + role + "_column, --" + role.replace('_', '-') + "-column, names another)"));
        }
        return column;
    }
}
