package org.loft4j.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * One turn of a conversation, with all that its row says of it: a chat template reads what it knows.
 *
 * @param fields {@code role} and, as a rule, {@code content}; also {@code tool_calls}, {@code reasoning_content}, {@code name} …:
 *     null, Boolean, Long, BigInteger, Double, String, List and Map
 */
public record Message(Map<String, @Nullable Object> fields) {
    /** Those that templates trim, such as a no-break space. */
    private static final Pattern BLANKS = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

    private static final Set<String> TELLING = Set.of("system", "developer");

    /** Names that data sets have for what was thought. */
    private static final List<String> THOUGHTS = List.of("reasoning_content", "reasoning", "thinking");

    public Message {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
        if (!(fields.get("role") instanceof String role) || role.isBlank()) {
            throw new ConfigException("a message must have a \"role\", such as user or assistant");
        }
    }

    /** A turn that is a text alone. */
    public static Message of(String role, String content) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", content);
        return new Message(fields);
    }

    /** Whose turn it is: system, user, assistant, tool. */
    public String role() {
        return String.valueOf(fields.get("role"));
    }

    /**
     * What is said, as one text: of content in parts those that are text, a line each, and the kind of the others in brackets;
     * empty where there is none.
     */
    public String text() {
        Object content = fields.get("content");
        if (!(content instanceof List<?> parts)) {
            return content == null ? "" : content.toString();
        }
        return parts.stream().map(Message::text).collect(Collectors.joining("\n"));
    }

    private static String text(@Nullable Object part) {
        if (part instanceof Map<?, ?> fields) {
            return fields.get("text") instanceof String text ? text : "[" + fields.get("type") + "]";
        }
        return String.valueOf(part);
    }

    /** Whether it says what the conversation is to be like: a turn of the system or of the developer. */
    public boolean tells() {
        return TELLING.contains(role());
    }

    boolean isAnswer() {
        return role().equals("assistant");
    }

    /** Whether it is an answer to learn: not one with {@code weight: 0}, as OpenAI's rows have it, or {@code train: false}. */
    boolean isLearnt() {
        boolean without = fields.get("weight") instanceof Number weight && weight.doubleValue() == 0
                || Boolean.FALSE.equals(fields.get("train"));
        return isAnswer() && !without;
    }

    /** Whether a text has all that it says and thinks, blanks aside, and the names of what it calls. */
    boolean isIn(String text) {
        List<String> said = new ArrayList<>();
        if (fields.get("content") instanceof List<?> parts) {
            for (Object part : parts) {
                add(said, part instanceof Map<?, ?> one ? one.get("text") : null);
            }
        }
        add(said, fields.get("content"));
        THOUGHTS.forEach(key -> add(said, fields.get(key)));
        if (fields.get("tool_calls") instanceof List<?> calls) {
            for (Object call : calls) {
                add(said, called(call));
            }
        }
        return said.stream().allMatch(words -> text.contains(words.strip()))
                || said.stream().map(Message::withoutBlanks).allMatch(withoutBlanks(text)::contains);
    }

    private static @Nullable Object called(@Nullable Object call) {
        Object inner =
                call instanceof Map<?, ?> one && one.get("function") instanceof Map<?, ?> function ? function : call;
        return inner instanceof Map<?, ?> named ? named.get("name") : null;
    }

    private static void add(List<String> said, @Nullable Object words) {
        if (words instanceof String text) {
            said.add(text);
        }
    }

    private static String withoutBlanks(String text) {
        return BLANKS.matcher(text).replaceAll("");
    }
}
