package org.loft4j.data;

import java.util.List;
import org.loft4j.ConfigException;

/**
 * A prompt and one answer to it, which is good or bad. Two of them need not have a prompt in common.
 *
 * @param answer the prompt and the answer: a {@link PromptCompletion}, or a {@link Conversation} whose given turns are the prompt and
 *     whose one further turn is the answer of the assistant
 * @param good whether the model should rather give such an answer, or rather not
 * @param origin where it was read
 */
public record JudgedAnswer(Row answer, boolean good, Origin origin) implements Row {
    /** @throws ConfigException if the answer is not of this form, or its prompt ends with a turn of the assistant */
    public JudgedAnswer {
        if (!(answer instanceof PromptCompletion) && !(answer instanceof Conversation turns && turns.isOneAnswer())) {
            throw new ConfigException(
                    "an answer that is judged must be one to a prompt: a text with a completion, or given turns with one"
                            + " turn of the assistant behind them");
        }
        if (answer instanceof Conversation turns
                && turns.messages().get(turns.given() - 1).isAnswer()) {
            throw new ConfigException(
                    "the prompt of a judged answer ends with a turn of the assistant, behind which the answer would be"
                            + " another: put what it says before the answer, or end the prompt with who is answered");
        }
    }

    /** A row that a program made itself. */
    public JudgedAnswer(Row answer, boolean good) {
        this(answer, good, Origin.MEMORY);
    }

    /** The answers of a preference: the preferred one is good, the other bad. */
    public static List<JudgedAnswer> both(Preference pair) {
        return List.of(
                new JudgedAnswer(pair.chosen(), true, pair.origin()),
                new JudgedAnswer(pair.rejected(), false, pair.origin()));
    }

    @Override
    public List<Conversation> conversations() {
        return answer.conversations();
    }
}
