package org.loft4j.model;

import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/**
 * How a training wrote conversations, so that the model is asked and judged in the same way.
 *
 * @param wrapPrompts whether plain prompts were turns of the user
 * @param lossOn the part of a conversation that was learnt: all, assistant or last
 * @param variables what the template read beside what a row says
 * @param date what the template took for now; null if unknown
 */
public record TrainedChat(
        boolean wrapPrompts,
        String lossOn,
        Map<String, @Nullable Object> variables,
        @Nullable ZonedDateTime date) {
    private static final List<String> LOSS_ON = List.of("all", "assistant", "last");

    public TrainedChat {
        variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    }

    /** Null where a training had no conversations, or was one from before this was written down. */
    static @Nullable TrainedChat read(JsonObject json) throws CheckpointException {
        if (!json.has("chat")) {
            return null;
        }
        String lossOn = json.requireString("loss_on");
        if (!LOSS_ON.contains(lossOn)) {
            throw json.fault("loss_on", "must be one of " + String.join(", ", LOSS_ON) + ", found " + lossOn);
        }
        JsonObject variables = json.findObject("chat_template_kwargs");
        return new TrainedChat(
                json.booleanOr("chat", false),
                lossOn,
                variables == null ? Map.of() : variables.toMap(),
                json.findMoment("chat_date"));
    }

    void put(Map<String, @Nullable Object> tree) {
        tree.put("chat", wrapPrompts);
        tree.put("loss_on", lossOn);
        tree.put("chat_template_kwargs", variables);
        tree.put("chat_date", date == null ? null : date.toString());
    }
}
