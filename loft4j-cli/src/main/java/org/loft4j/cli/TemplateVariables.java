package org.loft4j.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code KEY=VALUE} pairs that a chat template may read. */
final class TemplateVariables {
    private TemplateVariables() {}

    static void check(Problems problems, @Nullable List<String> given) {
        for (String variable : given == null ? List.<String>of() : given) {
            if (variable.indexOf('=') < 1) {
                problems.add("--chat-template-kwargs takes KEY=VALUE, got " + variable);
            }
        }
    }

    static Map<String, Object> of(@Nullable List<String> given) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (String variable : given == null ? List.<String>of() : given) {
            int at = variable.indexOf('=');
            values.put(variable.substring(0, at), value(variable.substring(at + 1)));
        }
        return values;
    }

    private static Object value(String word) {
        return switch (word) {
            case "true", "True" -> true;
            case "false", "False" -> false;
            default -> word.matches("-?[0-9]{1,18}") ? (Object) Long.valueOf(word) : word;
        };
    }
}
