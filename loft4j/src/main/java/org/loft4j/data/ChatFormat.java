package org.loft4j.data;

import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * How conversations become examples.
 *
 * @param template what makes a text of them
 * @param lossOn where the loss is taken
 * @param wrapPrompts whether a plain prompt and its completion become a turn of the user and one of the assistant
 * @param variables what the template may read beside what a row says, such as {@code enable_thinking}
 * @param moment what the template takes for now, whenever it is used
 */
public record ChatFormat(
        ChatTemplate template,
        LossOn lossOn,
        boolean wrapPrompts,
        Map<String, @Nullable Object> variables,
        ZonedDateTime moment) {
    public ChatFormat {
        template = template.at(moment);
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /** The moment is that of this call. */
    public ChatFormat(
            ChatTemplate template, LossOn lossOn, boolean wrapPrompts, Map<String, @Nullable Object> variables) {
        this(template, lossOn, wrapPrompts, variables, ZonedDateTime.now());
    }

    /** The loss on every turn of the assistant; plain prompts stay plain. */
    public ChatFormat(ChatTemplate template) {
        this(template, LossOn.ASSISTANT, false, Map.of());
    }

    /** What the template may read of a conversation beside its messages: these variables, and those of the row before them. */
    public Map<String, @Nullable Object> variables(Conversation row) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(variables);
        all.putAll(row.variables());
        return all;
    }

    /**
     * The text of a whole conversation, with the special tokens that the template writes.
     *
     * @throws DataException if the template does not take it
     */
    public String written(Conversation row) throws DataException {
        try {
            return template.render(row.messages(), false, variables(row)).text();
        } catch (ConfigException e) {
            throw row.origin().fault(String.valueOf(e.getMessage()));
        }
    }

    /**
     * Why a whole conversation is refused that is not cut, though it is longer than the greatest length.
     *
     * @param tokens of it
     */
    public static String tooLong(int tokens, int maxLength) {
        return "holds a conversation of " + tokens + " tokens with its answer, and max_length is " + maxLength
                + ": a conversation is not cut, since its answer stands at its end; raise max_length, or leave it out";
    }

    /**
     * Whose turns the template leaves out of a row ({@link ChatTemplate#unwritten}); nobody's where the row is no conversation, or
     * none that the template takes.
     */
    public SortedSet<String> unwritten(Row row) {
        // of two answers to one prompt either
        Row one = row instanceof Preference pair
                ? pair.chosen()
                : row instanceof JudgedAnswer judged
                        ? judged.answer()
                        : row instanceof RewardedPrompt prompt ? prompt.prompt() : row;
        if (one instanceof Conversation turns) {
            return template.unwritten(turns.beforeLastAnswer(), variables(turns));
        }
        return wrapPrompts && one instanceof PromptCompletion prompted
                ? template.unwritten(prompted.asked(), variables)
                : Collections.emptySortedSet();
    }

    /** The same at another moment, such as that of a run which goes on. */
    public ChatFormat at(ZonedDateTime other) {
        return new ChatFormat(template, lossOn, wrapPrompts, variables, other);
    }
}
