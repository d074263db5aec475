package org.loft4j.data;

import java.util.List;

/** A row as what is asked and what is answered, so that rows can be told apart. */
final class RowText {
    private RowText() {}

    /** What the row gives to the model. */
    static String question(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.text();
        }
        if (row instanceof Conversation conversation) {
            return conversation.opening();
        }
        if (row instanceof TaggedWords tagged) {
            return String.join(" ", tagged.words());
        }
        return row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
    }

    /** What the model should make of it; empty where the row is all text. */
    static String answer(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.label();
        }
        if (row instanceof Conversation conversation) {
            List<Message> messages = conversation.messages();
            int start = 0;
            while (start < messages.size() && !messages.get(start).isAnswer()) {
                start++;
            }
            return messages.subList(start, messages.size()).toString();
        }
        if (row instanceof TaggedWords tagged) {
            return String.join(" ", tagged.tags());
        }
        return row instanceof PromptCompletion prompted ? prompted.completion() : "";
    }
}
