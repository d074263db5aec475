package org.loft4j.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * A prompt that a model answers while it learns, and what a reward may judge the answers by.
 *
 * @param prompt a {@link PromptCompletion} without completion, or a {@link Conversation} whose turns are all given and do not end with
 *     one of the assistant
 * @param columns of the row, the prompt's among them: null, Boolean, Long, BigInteger, Double, String, List and Map
 * @param origin where it was read
 */
public record RewardedPrompt(Row prompt, Map<String, @Nullable Object> columns, Origin origin) implements Row {
    /** @throws ConfigException if the prompt is not of this form */
    public RewardedPrompt {
        boolean asks = prompt instanceof PromptCompletion text
                ? text.completion().isEmpty()
                : prompt instanceof Conversation turns
                        && !turns.messages().isEmpty()
                        && !turns.messages().get(turns.messages().size() - 1).isAnswer();
        if (!asks) {
            throw new ConfigException(
                    "what a reward judges is an answer that the model gives: the prompt must be a text without a"
                            + " completion, or messages that do not end with a turn of the assistant");
        }
        columns = Collections.unmodifiableMap(new LinkedHashMap<>(columns));
    }

    /** A prompt that a program made itself, and the right answer, as the column {@code answer}. */
    public RewardedPrompt(String prompt, String answer) {
        this(
                new PromptCompletion(prompt, "", Origin.MEMORY),
                Map.of("prompt", prompt, "answer", answer),
                Origin.MEMORY);
    }

    /** What the model is asked, of a conversation the last turn. */
    public String text() {
        if (prompt instanceof Conversation turns) {
            return turns.messages().get(turns.messages().size() - 1).text();
        }
        return ((PromptCompletion) prompt).prompt();
    }

    @Override
    public List<Conversation> conversations() {
        return prompt.conversations();
    }
}
