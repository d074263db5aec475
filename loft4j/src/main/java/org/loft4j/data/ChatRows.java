package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Conversations out of JSON objects. */
final class ChatRows {
    private ChatRows() {}

    /** A row of {@code messages}. */
    static Conversation messages(JsonNode object, String key, Origin origin) throws DataException {
        return new Conversation(list(object.path(key), key, origin), 0, variables(object, origin), origin);
    }

    /** A row whose prompt and completion are both lists of messages. */
    static Conversation prompted(JsonNode object, RowKind.Prompted kind, Origin origin) throws DataException {
        List<Message> all = new ArrayList<>(list(object.path(kind.prompt()), kind.prompt(), origin));
        int given = all.size();
        all.addAll(list(object.path(kind.completion()), kind.completion(), origin));
        return new Conversation(all, given, variables(object, origin), origin);
    }

    private static List<Message> list(JsonNode value, String key, Origin origin) throws DataException {
        if (!value.isArray() || value.isEmpty()) {
            throw origin.fault(
                    "\"" + key + "\" must be a list of messages such as {\"role\": \"user\", \"content\": \"…\"}");
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode element : value) {
            String place = "\"" + key + "\"[" + messages.size() + "]";
            if (!element.isObject()
                    || !element.path("role").isTextual()
                    || element.path("role").textValue().isBlank()) {
                throw origin.fault(place + " must be an object with a \"role\" such as user or assistant");
            }
            if (!element.has("content") && !element.has("tool_calls")) {
                throw origin.fault(place + " has no \"content\"");
            }
            check(place, element, origin);
            messages.add(new Message(PlainJson.map(element)));
        }
        return messages;
    }

    private static void check(String place, JsonNode value, Origin origin) throws DataException {
        if (value.isTextual()) {
            RowCheck.characters(place, value.textValue(), origin);
        }
        for (JsonNode inner : value) {
            check(place, inner, origin);
        }
    }

    private static Map<String, @Nullable Object> variables(JsonNode object, Origin origin) throws DataException {
        Map<String, @Nullable Object> variables = new LinkedHashMap<>();
        JsonNode more = object.path("chat_template_kwargs");
        if (more.isObject()) {
            variables.putAll(PlainJson.map(more));
        }
        JsonNode tools = object.path("tools");
        if (tools.isArray() && !tools.isEmpty()) {
            variables.put("tools", PlainJson.of(tools));
        } else if (!tools.isMissingNode() && !tools.isNull() && !tools.isArray()) {
            throw origin.fault("\"tools\" must be a list of functions");
        }
        return variables;
    }
}
