package org.loft4j.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How conversations become examples.
 *
 * @param template what makes a text of them
 * @param lossOn where the loss is taken
 * @param wrapPrompts whether a plain prompt and its completion become a turn of the user and one of the assistant
 * @param variables what the template may read beside what a row says, such as {@code enable_thinking}
 */
public record ChatFormat(
        ChatTemplate template, LossOn lossOn, boolean wrapPrompts, Map<String, @Nullable Object> variables) {
    public ChatFormat {
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /** The loss on every turn of the assistant; plain prompts stay plain. */
    public ChatFormat(ChatTemplate template) {
        this(template, LossOn.ASSISTANT, false, Map.of());
    }
}
