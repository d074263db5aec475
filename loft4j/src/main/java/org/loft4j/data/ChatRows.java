package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Conversations out of JSON objects. */
final class ChatRows {
    /** The names that data sets of the form of ShareGPT have for who speaks. */
    private static final Map<String, String> SHAREGPT_ROLES = roles();

    private static final String PAIRS = "\"history\" must be a list of pairs of a question and its answer, such as"
            + " [[\"Who are you?\", \"A model.\"]], or the JSON of one as text";

    private ChatRows() {}

    private static Map<String, String> roles() {
        Map<String, String> roles = new LinkedHashMap<>();
        List.of("human", "user").forEach(name -> roles.put(name, "user"));
        List.of("gpt", "assistant", "chatgpt", "bing", "bard", "model").forEach(name -> roles.put(name, "assistant"));
        roles.put("system", "system");
        List.of("tool", "observation").forEach(name -> roles.put(name, "tool"));
        return roles;
    }

    /** A row of {@code messages}; {@code system} is said first, if there is one. */
    static Conversation messages(JsonNode object, String key, Origin origin) throws DataException {
        List<Message> told = told(object, list(object.path(key), key, origin), origin);
        return new Conversation(told, 0, variables(object, origin), origin);
    }

    /** Messages behind what a column of its own has the system say, unless they begin with that themselves. */
    static List<Message> told(JsonNode object, List<Message> messages, Origin origin) throws DataException {
        if (messages.get(0).tells()) {
            return messages;
        }
        List<Message> all = system(object.path("system"), origin);
        all.addAll(messages);
        return all;
    }

    /** Messages without what is told before the conversation. */
    static List<Message> untold(List<Message> messages) {
        boolean tells = !messages.isEmpty() && messages.get(0).tells();
        return messages.subList(tells ? 1 : 0, messages.size());
    }

    /** What the system says, if it says anything. */
    private static List<Message> system(JsonNode system, Origin origin) throws DataException {
        List<Message> said = new ArrayList<>();
        if (system.isTextual() && !system.textValue().isBlank()) {
            check("\"system\"", system, origin);
            said.add(Message.of("system", system.textValue()));
        }
        return said;
    }

    /**
     * The turns before a prompt that is a text.
     *
     * @param history pairs of a question and its answer, or the JSON of such a list as text
     */
    static List<Message> before(JsonNode system, JsonNode history, Origin origin) throws DataException {
        List<Message> turns = system(system, origin);
        JsonNode pairs = parsed("history", history, origin);
        boolean none = pairs.isMissingNode() || pairs.isNull();
        if (!none && !pairs.isArray()) {
            throw origin.fault(PAIRS);
        }
        for (JsonNode pair : pairs) {
            if (pair.size() != 2 || !pair.path(0).isTextual() || !pair.path(1).isTextual()) {
                throw origin.fault(PAIRS);
            }
            check("\"history\"", pair, origin);
            turns.add(Message.of("user", pair.path(0).textValue()));
            turns.add(Message.of("assistant", pair.path(1).textValue()));
        }
        return turns;
    }

    /** A row whose prompt and completion, if that is read, are lists of messages. */
    static Conversation prompted(JsonNode object, RowKind.Prompted kind, Origin origin) throws DataException {
        List<Message> all =
                new ArrayList<>(told(object, list(object.path(kind.prompt()), kind.prompt(), origin), origin));
        int given = all.size();
        String completion = kind.completion();
        if (completion != null) {
            all.addAll(list(object.path(completion), completion, origin));
        }
        return new Conversation(all, given, variables(object, origin), origin);
    }

    /** A row of {@code conversations}: turns of {@code from} and {@code value}, or messages by that name. */
    static Conversation shareGpt(JsonNode object, String key, Origin origin) throws DataException {
        JsonNode turns = object.path(key);
        if (!turns.isArray() || turns.isEmpty()) {
            throw origin.fault(
                    "\"" + key + "\" must be a list of turns such as {\"from\": \"human\", \"value\": \"…\"}");
        }
        if (turns.get(0).has("role")) {
            return messages(object, key, origin);
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode turn : turns) {
            messages.add(shareGptTurn(turn, "\"" + key + "\"[" + messages.size() + "]", origin));
        }
        return new Conversation(told(object, messages, origin), 0, variables(object, origin), origin);
    }

    private static Message shareGptTurn(JsonNode turn, String place, Origin origin) throws DataException {
        if (!turn.path("from").isTextual() || !turn.path("value").isTextual()) {
            throw origin.fault(place + " must be an object with the strings \"from\" and \"value\"");
        }
        String from = turn.path("from").textValue();
        String role = SHAREGPT_ROLES.get(from);
        if (role == null) {
            throw origin.fault(place + " is from " + Quoted.text(from) + ", which is none of "
                    + Quoted.list(SHAREGPT_ROLES.keySet()));
        }
        check(place, turn.path("value"), origin);
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", turn.path("value").textValue());
        for (String mark : List.of("weight", "train")) {
            if (turn.hasNonNull(mark)) {
                fields.put(mark, PlainJson.of(turn.path(mark)));
            }
        }
        return message(fields, place, origin);
    }

    /** A turn, or a list of them, each a message or one of {@code from} and {@code value}. */
    static List<Message> turns(JsonNode value, String key, Origin origin) throws DataException {
        if (value.isObject()) {
            return List.of(turn(value, "\"" + key + "\"", origin));
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode turn : required(value, key, origin)) {
            messages.add(turn(turn, "\"" + key + "\"[" + messages.size() + "]", origin));
        }
        return messages;
    }

    private static Message turn(JsonNode turn, String place, Origin origin) throws DataException {
        return turn.has("from") && !turn.has("role") ? shareGptTurn(turn, place, origin) : ofRole(turn, place, origin);
    }

    private static List<Message> list(JsonNode value, String key, Origin origin) throws DataException {
        List<Message> messages = new ArrayList<>();
        for (JsonNode element : required(value, key, origin)) {
            messages.add(ofRole(element, "\"" + key + "\"[" + messages.size() + "]", origin));
        }
        return messages;
    }

    private static JsonNode required(JsonNode value, String key, Origin origin) throws DataException {
        if (!value.isArray() || value.isEmpty()) {
            throw origin.fault(
                    "\"" + key + "\" must be a list of messages such as {\"role\": \"user\", \"content\": \"…\"}");
        }
        return value;
    }

    private static Message ofRole(JsonNode element, String place, Origin origin) throws DataException {
        if (!element.isObject()
                || !element.path("role").isTextual()
                || element.path("role").textValue().isBlank()) {
            throw origin.fault(place + " must be an object with a \"role\" such as user or assistant");
        }
        if (!element.has("content") && !element.has("tool_calls")) {
            throw origin.fault(place + " has no \"content\"");
        }
        check(place, element, origin);
        return message(PlainJson.map(element), place, origin);
    }

    private static Message message(Map<String, @Nullable Object> fields, String place, Origin origin)
            throws DataException {
        Message message = new Message(fields);
        Object weight = fields.get("weight");
        boolean known = weight == null
                || weight instanceof Number number && (number.doubleValue() == 0 || number.doubleValue() == 1);
        if (message.isAnswer() && !known) {
            throw origin.fault(place + " has the \"weight\" " + Quoted.text(String.valueOf(weight))
                    + ": 1 is learnt, 0 is not, and there is nothing between");
        }
        return message;
    }

    private static void check(String place, JsonNode value, Origin origin) throws DataException {
        if (value.isTextual()) {
            RowCheck.characters(place, value.textValue(), origin);
        }
        for (JsonNode inner : value) {
            check(place, inner, origin);
        }
    }

    static Map<String, @Nullable Object> variables(JsonNode object, Origin origin) throws DataException {
        Map<String, @Nullable Object> variables = new LinkedHashMap<>();
        JsonNode more = object.path("chat_template_kwargs");
        if (more.isObject()) {
            variables.putAll(PlainJson.map(more));
        }
        JsonNode tools = parsed("tools", object.path("tools"), origin);
        if (tools.isArray() && !tools.isEmpty()) {
            variables.put("tools", PlainJson.of(tools));
        } else if (!tools.isMissingNode() && !tools.isNull() && !tools.isArray()) {
            throw origin.fault("\"tools\" must be a list of functions, or the JSON of one as text");
        }
        return variables;
    }

    /** Columns of Parquet have one shape, and functions have many: there they are text, as all is in a table of text. */
    private static JsonNode parsed(String key, JsonNode given, Origin origin) throws DataException {
        if (!given.isTextual()) {
            return given;
        }
        try {
            return JsonRows.MAPPER
                    .reader()
                    .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .readTree(given.textValue());
        } catch (JsonProcessingException e) {
            throw origin.fault("\"" + key + "\" is text that is not valid JSON: " + JsonRows.complaint(e));
        }
    }
}
