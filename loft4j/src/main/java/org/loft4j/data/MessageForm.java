package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * The form in which a template takes messages that come in more than one: content as a text or as a list of parts, arguments of a
 * tool's call as an object or as its JSON. Most templates know one of the two and write the other as something that no model has
 * seen, so what a template knows is found by letting it write a few words.
 *
 * @param parts whether it writes the text of a list of parts
 * @param textArguments whether it writes arguments that are text as they stand
 */
record MessageForm(boolean parts, boolean textArguments) {
    private static final String ASKED = "loft4j asks";
    private static final String ANSWERED = "loft4j answers";
    private static final String CALLS = "loft4j calls";
    private static final String ARGUMENTS = "{\"with\": \"" + CALLS + "\"}";

    /** Who may be given what is no text: what a tool answers is whatever its template makes of it. */
    private static final Set<String> SPEAKERS = Set.of("system", "developer", "user", "assistant");

    /** Parts for which templates of models that see or hear have a mark; what is learnt here, and asked, is text. */
    private static final Set<String> SEEN_OR_HEARD =
            Set.of("image", "image_url", "input_image", "video", "video_url", "audio", "audio_url", "input_audio");

    /** @param write what the template makes of messages; empty where it takes none of the kind */
    static MessageForm of(Function<List<Map<String, @Nullable Object>>, String> write) {
        String parts = write.apply(List.of(turn("user", part(ASKED)), turn("assistant", part(ANSWERED))));
        // some templates write calls of turns without content alone
        String text = write.apply(calling("", ARGUMENTS)) + write.apply(calling(null, ARGUMENTS));
        Map<String, String> arguments = Map.of("with", CALLS);
        String object = write.apply(calling("", arguments)) + write.apply(calling(null, arguments));
        return new MessageForm(
                isPlain(parts, ASKED) && isPlain(parts, ANSWERED), text.contains(ARGUMENTS) || !object.contains(CALLS));
    }

    /** Whether words stand in a text without the quotes of Python or JSON. */
    private static boolean isPlain(String text, String words) {
        return text.contains(words) && !text.contains("'" + words) && !text.contains("\"" + words);
    }

    private static List<Map<String, @Nullable Object>> calling(@Nullable String content, Object arguments) {
        Map<String, @Nullable Object> calls = turn("assistant", content);
        // nine letters and digits, which Mistral's templates ask for
        calls.put(
                "tool_calls",
                List.of(Map.of(
                        "id",
                        "abcdefgh1",
                        "type",
                        "function",
                        "function",
                        Map.of("name", "f", "arguments", arguments))));
        return List.of(turn("user", ASKED), calls);
    }

    private static Map<String, @Nullable Object> turn(String role, @Nullable Object content) {
        Map<String, @Nullable Object> turn = new LinkedHashMap<>();
        turn.put("role", role);
        turn.put("content", content);
        return turn;
    }

    private static List<Object> part(String text) {
        return List.of(Map.of("type", "text", "text", text));
    }

    /**
     * Messages in the form of a template.
     *
     * @param form that of the template, asked for where it matters
     * @throws ConfigException at a message without content, with an image, a video or a sound in it, with content that is neither a
     *     text nor parts, or with parts that are no text where the template writes texts alone
     */
    static List<Map<String, @Nullable Object>> apply(List<Message> messages, Supplier<MessageForm> form) {
        List<Map<String, @Nullable Object>> all = new ArrayList<>(messages.size());
        for (Message message : messages) {
            Map<String, @Nullable Object> fields = message.fields();
            String place = "message " + (all.size() + 1) + " (" + message.role() + ")";
            Object calls = fields.get("tool_calls");
            if (fields.containsKey("content") && fields.get("content") == null && isNothing(calls)) {
                throw new ConfigException(
                        place + " has neither content nor tool_calls: its content is null; a turn that"
                                + " says nothing has \"\"");
            }
            if (SPEAKERS.contains(message.role())) {
                requireWords(fields.get("content"), place);
            }
            Map<String, @Nullable Object> made = fields;
            if (fields.get("content") instanceof List<?> content
                    && content.stream().allMatch(MessageForm::isPart)
                    && !form.get().parts()) {
                made = withIfOther(made, "content", joined(content, place, SPEAKERS.contains(message.role())));
            }
            if (calls instanceof List<?> several && !form.get().textArguments()) {
                made = withIfOther(made, "tool_calls", parsed(several));
            }
            all.add(made);
        }
        return all;
    }

    /** What is said must be words: else templates write an image's mark without the image, or the content as Python prints it. */
    private static void requireWords(@Nullable Object content, String place) {
        boolean parts = content instanceof List<?> list && list.stream().allMatch(MessageForm::isPart);
        if (content instanceof Map || content instanceof List && !parts) {
            throw new ConfigException(
                    place + " has content that is " + (content instanceof Map ? "an object" : "a list")
                            + ", and neither a text nor parts such as {\"type\": \"text\", \"text\": \"…\"}: JSON that is said must be text");
        }
        if (content instanceof List<?> all) {
            for (Object part : all) {
                Object type = ((Map<?, ?>) Objects.requireNonNull(part)).get("type");
                if (SEEN_OR_HEARD.contains(String.valueOf(type))) {
                    throw new ConfigException(place + " has a part of type " + Quoted.text(String.valueOf(type))
                            + ": models here read text alone");
                }
            }
        }
    }

    private static boolean isNothing(@Nullable Object calls) {
        return calls == null || calls instanceof List<?> list && list.isEmpty();
    }

    private static boolean isPart(@Nullable Object element) {
        return element instanceof Map<?, ?> part && part.get("type") instanceof String;
    }

    /** Parts that are all text, a line each; where one is not and nobody speaks, the parts themselves. */
    private static Object joined(List<?> content, String place, boolean speaks) {
        List<String> texts = new ArrayList<>();
        for (Object element : content) {
            Map<?, ?> part = (Map<?, ?>) element;
            if ("text".equals(part.get("type")) && part.get("text") instanceof String text) {
                texts.add(text);
            } else if (speaks) {
                throw new ConfigException(place + " has a part of type " + Quoted.text(String.valueOf(part.get("type")))
                        + ", and this chat template writes texts alone");
            } else {
                return content;
            }
        }
        return String.join("\n", texts);
    }

    /** Calls with their arguments as objects; the list itself if no arguments are the JSON of one. */
    private static List<?> parsed(List<?> calls) {
        List<@Nullable Object> parsed = new ArrayList<>();
        boolean other = false;
        for (Object call : calls) {
            Object made = parsed(call);
            other |= made != call;
            parsed.add(made);
        }
        return other ? parsed : calls;
    }

    private static @Nullable Object parsed(@Nullable Object call) {
        if (!(call instanceof Map<?, ?> fields)) {
            return call;
        }
        if (fields.get("function") instanceof Map<?, ?> function) {
            return withIfOther(fields, "function", parsed(function));
        }
        return fields.get("arguments") instanceof String text ? withIfOther(fields, "arguments", object(text)) : call;
    }

    private static Object object(String text) {
        try {
            JsonNode node = JsonRows.MAPPER
                    .reader()
                    .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .readTree(text);
            return node.isObject() ? PlainJson.map(node) : text;
        } catch (JsonProcessingException e) {
            return text;
        }
    }

    /** A copy with that value, or the fields themselves if they have it already, the very object. */
    @SuppressWarnings({"unchecked", "ReferenceEquality"})
    private static Map<String, @Nullable Object> withIfOther(Map<?, ?> fields, String key, @Nullable Object value) {
        if (fields.get(key) == value) {
            return (Map<String, @Nullable Object>) fields;
        }
        Map<String, @Nullable Object> copy = new LinkedHashMap<>();
        fields.forEach((name, old) -> copy.put(String.valueOf(name), old));
        copy.put(key, value);
        return copy;
    }
}
