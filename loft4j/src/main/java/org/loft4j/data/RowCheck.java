package org.loft4j.data;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** The checks that every row passes, whatever the format of its file. Of a column that is not read the value is empty. */
final class RowCheck {
    private RowCheck() {}

    static Row labeled(RowKind.Labeled kind, String text, String textPair, String label, Origin origin)
            throws DataException {
        String pair = kind.textPair() == null ? null : filled(kind.textPair(), textPair, origin);
        String column = kind.label();
        if (column == null) {
            String first = filled(kind.text(), text, origin);
            return pair == null ? new PlainText(first, origin) : new TextPair(first, pair, origin);
        }
        String name = name(label);
        return new LabeledText(filled(kind.text(), text, origin), pair, filled(column, name, origin), origin);
    }

    /**
     * The name of a class without the blanks around it, which are never meant: "spam" and " spam" would be two classes. Blanks are also
     * those that do not break, as spreadsheets and web pages leave them, and what cannot be seen at all, such as a byte order mark.
     */
    static String name(String label) {
        int start = 0;
        int end = label.length();
        while (start < end && isBlank(label.codePointAt(start))) {
            start += Character.charCount(label.codePointAt(start));
        }
        while (start < end && isBlank(label.codePointBefore(end))) {
            end -= Character.charCount(label.codePointBefore(end));
        }
        return label.substring(start, end);
    }

    private static boolean isBlank(int character) {
        return Character.isWhitespace(character)
                || Character.isSpaceChar(character)
                || Character.getType(character) == Character.FORMAT;
    }

    static Row multiLabeled(RowKind.MultiLabeled kind, String text, String textPair, List<String> labels, Origin origin)
            throws DataException {
        String pair = kind.textPair() == null ? null : filled(kind.textPair(), textPair, origin);
        return new MultiLabelText(
                filled(kind.text(), text, origin),
                pair,
                // columns are called as their header has it
                kind.labels().containsAll(labels)
                        ? labels
                        : SeveralLabels.names(labels, kind.labels().get(0), origin),
                origin);
    }

    static Row prompted(RowKind.Prompted kind, List<Message> before, String prompt, String completion, Origin origin)
            throws DataException {
        filled(kind.prompt(), prompt, origin);
        return new PromptCompletion(before, prompt, prompt, answer(kind.completion(), completion, origin), origin);
    }

    static Row instructed(
            RowKind.Instructed kind,
            List<Message> before,
            String instruction,
            String input,
            String output,
            Origin origin)
            throws DataException {
        filled(kind.instruction(), instruction, origin);
        characters("\"" + kind.input() + "\"", input, origin);
        return new PromptCompletion(
                before,
                AlpacaPrompt.of(instruction, input),
                AlpacaPrompt.turn(instruction, input),
                answer(kind.output(), output, origin),
                origin);
    }

    static Row plain(String column, String text, Origin origin) throws DataException {
        return new PlainText(filled(column, text, origin), origin);
    }

    private static String answer(@Nullable String column, String value, Origin origin) throws DataException {
        return column == null ? value : filled(column, value, origin);
    }

    /** The value of a column that must say something. */
    static String filled(String column, String value, Origin origin) throws DataException {
        if (value.isBlank()) {
            throw origin.fault("\"" + column + "\" is empty");
        }
        characters("\"" + column + "\"", value, origin);
        return value;
    }

    /** Refuses text that no tokenizer can take. */
    static void characters(String place, String value, Origin origin) throws DataException {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '\0') {
                throw origin.fault(place + " holds a NUL character");
            }
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c)
                        || i + 1 == value.length()
                        || !Character.isLowSurrogate(value.charAt(i + 1))) {
                    throw origin.fault(place + " holds half a surrogate pair: " + String.format("\\u%04x", (int) c));
                }
                i++;
            }
        }
    }
}
