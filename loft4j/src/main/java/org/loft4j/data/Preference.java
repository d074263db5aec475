package org.loft4j.data;

import java.util.List;
import org.loft4j.ConfigException;

/**
 * A prompt and two answers to it, of which one is preferred.
 *
 * @param chosen the prompt and the preferred answer: a {@link PromptCompletion}, or a {@link Conversation} whose given turns are the
 *     prompt and whose one further turn is the answer of the assistant
 * @param rejected the same prompt and the other answer, in the same form
 * @param origin where it was read
 */
public record Preference(Row chosen, Row rejected, Origin origin) implements Row {
    /** @throws ConfigException if the two are not of this form, have two prompts, or one that ends with a turn of the assistant, or are the same */
    public Preference {
        boolean texts = chosen instanceof PromptCompletion one
                && rejected instanceof PromptCompletion other
                && one.before().equals(other.before())
                && one.prompt().equals(other.prompt())
                && one.turn().equals(other.turn());
        boolean turns = chosen instanceof Conversation one
                && rejected instanceof Conversation other
                && one.isOneAnswer()
                && other.isOneAnswer()
                && given(one).equals(given(other))
                && one.variables().equals(other.variables());
        if (!texts && !turns) {
            throw new ConfigException(
                    "the two answers of a preference must have one prompt: both a text with a completion, or"
                            + " both given turns with one turn of the assistant behind them");
        }
        if (turns
                && chosen instanceof Conversation one
                && one.messages().get(one.given() - 1).isAnswer()) {
            throw new ConfigException(
                    "the prompt of a preference ends with a turn of the assistant, behind which the answers would be"
                            + " another: put what it says before both answers, or end the prompt with who is answered");
        }
        if (RowText.answer(chosen).equals(RowText.answer(rejected))) {
            throw new ConfigException(
                    "the preferred answer and the other are the same: there is nothing to learn from them");
        }
    }

    /** A row that a program made itself. */
    public Preference(Row chosen, Row rejected) {
        this(chosen, rejected, Origin.MEMORY);
    }

    private static List<Message> given(Conversation turns) {
        return turns.messages().subList(0, turns.given());
    }

    @Override
    public List<Conversation> conversations() {
        return chosen instanceof Conversation one && rejected instanceof Conversation other
                ? List.of(one, other)
                : List.of();
    }
}
