package org.loft4j.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Turns of a conversation; a {@link ChatTemplate} makes a text of them, and the loss is taken on turns of the assistant.
 *
 * @param messages the turns in order
 * @param given how many of them are the prompt, on which no loss is ever taken; 0 where the row makes no difference
 * @param variables what the row tells the template beside the messages: {@code tools} and {@code chat_template_kwargs}
 * @param origin where it was read
 */
public record Conversation(List<Message> messages, int given, Map<String, @Nullable Object> variables, Origin origin)
        implements Row {
    public Conversation {
        messages = List.copyOf(messages);
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /** A row that a program made itself. */
    public Conversation(List<Message> messages) {
        this(messages, 0, Map.of(), Origin.MEMORY);
    }

    @Override
    public List<Conversation> conversations() {
        return List.of(this);
    }

    /** Whether all turns but the last are given, and that is an answer. */
    boolean isOneAnswer() {
        int last = messages.size() - 1;
        return last > 0 && given == last && messages.get(last).isAnswer();
    }

    /** Whether the last turn is the assistant's. */
    public boolean endsWithAnswer() {
        return !messages.isEmpty() && messages.get(messages.size() - 1).isAnswer();
    }

    /** How many turns there are before the first answer: the prompt, where the row makes a difference. */
    int asked() {
        return given > 0 ? given : asked(messages);
    }

    /** How many turns there are before the first of the assistant that comes after one of the user, or of whoever asks. */
    static int asked(List<Message> messages) {
        int user = first(messages, 0, message -> message.role().equals("user"));
        int asks = user < messages.size() ? user : first(messages, 0, message -> !message.isAnswer());
        return first(messages, asks, Message::isAnswer);
    }

    private static int first(List<Message> messages, int from, Predicate<Message> wanted) {
        int index = from;
        while (index < messages.size() && !wanted.test(messages.get(index))) {
            index++;
        }
        return index;
    }

    /** The turns up to the last answer, which is not among them; all where there is none. */
    List<Message> beforeLastAnswer() {
        for (int i = messages.size() - 1; i > 0; i--) {
            if (messages.get(i).isAnswer()) {
                return messages.subList(0, i);
            }
        }
        return messages;
    }

    /** What the first answer is an answer to. */
    String opening() {
        StringBuilder text = new StringBuilder();
        for (Message message : messages.subList(0, asked())) {
            text.append(message.fields()).append('\n');
        }
        return text.toString();
    }
}
