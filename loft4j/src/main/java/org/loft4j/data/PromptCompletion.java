package org.loft4j.data;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.DataException;

/**
 * A prompt and the answer to it; the loss is taken on the answer only.
 *
 * @param before turns that a chat template writes before the prompt; a prompt without turns has no place for them
 * @param prompt what is given to the model
 * @param turn what the user says where a chat template writes the prompt; mostly the prompt itself
 * @param completion what it should write; empty where rows are asked alone
 * @param origin where it was read
 */
public record PromptCompletion(List<Message> before, String prompt, String turn, String completion, Origin origin)
        implements Row {
    public PromptCompletion {
        before = List.copyOf(before);
    }

    /** A prompt that nothing is said before. */
    public PromptCompletion(String prompt, String turn, String completion, Origin origin) {
        this(List.of(), prompt, turn, completion, origin);
    }

    /** A prompt that the user would say as it stands. */
    public PromptCompletion(String prompt, String completion, Origin origin) {
        this(prompt, prompt, completion, origin);
    }

    /** A row that a program made itself. */
    public PromptCompletion(String prompt, String completion) {
        this(prompt, completion, Origin.MEMORY);
    }

    /** The turns of the prompt where a chat template writes it. */
    List<Message> asked() {
        List<Message> turns = new ArrayList<>(before);
        turns.add(Message.of("user", turn));
        return turns;
    }

    /** The turns of the prompt and that of the answer. */
    List<Message> turns() {
        List<Message> turns = asked();
        turns.add(Message.of("assistant", completion));
        return turns;
    }

    /**
     * The prompt where no chat template writes it.
     *
     * @throws DataException if turns stand before it, which it would lose
     */
    public String alone() throws DataException {
        if (!before.isEmpty()) {
            throw origin.fault(
                    "has turns before its prompt (\"system\" or \"history\"), for which a prompt without turns"
                            + " has no place: --chat makes a conversation of the row; a query that names the other columns leaves"
                            + " them out");
        }
        return prompt;
    }
}
