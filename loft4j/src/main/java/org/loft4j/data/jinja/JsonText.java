package org.loft4j.data.jinja;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** JSON as Python's {@code json.dumps(…, ensure_ascii=False)} writes it: a space behind commas and colons. */
final class JsonText {
    private static final int DEEPEST = 100;

    private final Rendering rendering;
    private final StringBuilder made = new StringBuilder();
    private final @Nullable String indent;
    private final String comma;
    private final String colon;
    private final boolean sorted;
    private final boolean ascii;

    private JsonText(Arguments call) {
        this.rendering = call.frame().rendering;
        call.atMost(4, "ensure_ascii", "indent", "separators", "sort_keys");
        this.ascii = call.flag(0, "ensure_ascii", false);
        Object width = call.get(1, "indent", null);
        this.indent = width == null
                ? null
                : width instanceof String own
                        ? own
                        : " ".repeat((int) Math.max(0, Math.min(100, Values.integer(width))));
        Object separators = call.get(2, "separators", null);
        if (separators == null) {
            this.comma = indent == null ? ", " : ",";
            this.colon = ": ";
        } else {
            List<@Nullable Object> both = Values.list(separators, rendering);
            if (both.size() != 2) {
                throw new TemplateException("tojson's separators must be two");
            }
            this.comma = Values.text(both.get(0));
            this.colon = Values.text(both.get(1));
        }
        this.sorted = call.flag(3, "sort_keys", false);
    }

    static String of(@Nullable Object value, Arguments call) {
        JsonText text = new JsonText(call);
        text.write(value, 0);
        return text.made.toString();
    }

    private void write(@Nullable Object value, int depth) {
        if (depth > DEEPEST) {
            throw new TemplateException("a value is nested more than " + DEEPEST + " levels deep");
        }
        if (value instanceof String text) {
            string(text);
        } else if (value instanceof Double number) {
            append(
                    Double.isNaN(number)
                            ? "NaN"
                            : Double.isInfinite(number)
                                    ? (number > 0 ? "Infinity" : "-Infinity")
                                    : Values.digits(number));
        } else if (value instanceof Map<?, ?> map) {
            object(map, depth);
        } else if (value instanceof List<?> list) {
            array(list, depth);
        } else if (value instanceof Tuple tuple) {
            array(tuple.values(), depth);
        } else if (value == null || value instanceof Boolean || Values.isWhole(value)) {
            append(String.valueOf(value));
        } else {
            throw Values.fault(value, "cannot be written as JSON");
        }
    }

    /** Counts a text before it is taken in: what strangers put between elements may be long. */
    private void append(String text) {
        rendering.make(text.length());
        made.append(text);
    }

    private void array(List<?> list, int depth) {
        append("[");
        boolean first = true;
        for (Object element : list) {
            append(first ? "" : comma);
            first = false;
            newline(depth + 1);
            write(element, depth + 1);
        }
        close("]", list.isEmpty(), depth);
    }

    private void object(Map<?, ?> map, int depth) {
        Map<?, ?> ordered = map;
        if (sorted) {
            TreeMap<Object, @Nullable Object> byKey = new TreeMap<>((a, b) -> Values.order(a, b, rendering));
            byKey.putAll(map);
            ordered = byKey;
        }
        append("{");
        boolean first = true;
        for (Map.Entry<?, ?> entry : ordered.entrySet()) {
            append(first ? "" : comma);
            first = false;
            newline(depth + 1);
            Object key = entry.getKey();
            string(
                    key instanceof String text
                            ? text
                            : key == null ? "null" : key instanceof Boolean ? key.toString() : Values.text(key));
            append(colon);
            write(entry.getValue(), depth + 1);
        }
        close("}", map.isEmpty(), depth);
    }

    private void close(String bracket, boolean empty, int depth) {
        if (!empty) {
            newline(depth);
        }
        append(bracket);
    }

    private void newline(int depth) {
        if (indent != null) {
            rendering.make(1 + (long) indent.length() * depth);
            made.append('\n').append(indent.repeat(depth));
        }
    }

    private void string(String text) {
        rendering.make(2L + text.length());
        made.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> made.append("\\\"");
                case '\\' -> made.append("\\\\");
                case '\n' -> made.append("\\n");
                case '\r' -> made.append("\\r");
                case '\t' -> made.append("\\t");
                case '\b' -> made.append("\\b");
                case '\f' -> made.append("\\f");
                default -> {
                    if (c < ' ' || ascii && c > '~') {
                        append(String.format("\\u%04x", (int) c));
                    } else {
                        made.append(c);
                    }
                }
            }
        }
        made.append('"');
    }
}
