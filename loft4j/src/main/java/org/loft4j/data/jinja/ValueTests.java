package org.loft4j.data.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What may stand behind {@code is}. */
final class ValueTests {
    /** One test. */
    @FunctionalInterface
    interface ValueTest {
        boolean holds(@Nullable Object value, Arguments arguments);
    }

    private static final Map<String, ValueTest> ALL = Map.ofEntries(
            Map.entry("defined", (value, more) -> !(value instanceof Undefined)),
            Map.entry("undefined", (value, more) -> value instanceof Undefined),
            Map.entry("none", (value, more) -> value == null),
            Map.entry("boolean", (value, more) -> value instanceof Boolean),
            Map.entry("true", (value, more) -> Boolean.TRUE.equals(value)),
            Map.entry("false", (value, more) -> Boolean.FALSE.equals(value)),
            Map.entry("integer", (value, more) -> Values.isWhole(value)),
            Map.entry("float", (value, more) -> value instanceof Double),
            Map.entry("number", (value, more) -> Values.isNumber(value) || Values.isWhole(value)),
            Map.entry("string", (value, more) -> value instanceof String),
            Map.entry("mapping", (value, more) -> value instanceof Map),
            Map.entry("sequence", (value, more) -> isSequence(value)),
            Map.entry("iterable", (value, more) -> isSequence(value)),
            Map.entry("callable", (value, more) -> value instanceof Callable),
            Map.entry("odd", (value, more) -> Math.floorMod(Values.integer(value), 2L) == 1),
            Map.entry("even", (value, more) -> Math.floorMod(Values.integer(value), 2L) == 0),
            Map.entry("divisibleby", (value, more) -> divisible(value, more)),
            Map.entry("lower", (value, more) -> Strings.isLower(Values.text(value))),
            Map.entry("upper", (value, more) -> Strings.isUpper(Values.text(value))),
            Map.entry("sameas", (value, more) -> same(value, more.required(0, "other"))),
            Map.entry("in", (value, more) -> compare("in", value, more)),
            Map.entry("eq", (value, more) -> compare("==", value, more)),
            Map.entry("equalto", (value, more) -> compare("==", value, more)),
            Map.entry("==", (value, more) -> compare("==", value, more)),
            Map.entry("ne", (value, more) -> compare("!=", value, more)),
            Map.entry("!=", (value, more) -> compare("!=", value, more)),
            Map.entry("lt", (value, more) -> compare("<", value, more)),
            Map.entry("lessthan", (value, more) -> compare("<", value, more)),
            Map.entry("<", (value, more) -> compare("<", value, more)),
            Map.entry("le", (value, more) -> compare("<=", value, more)),
            Map.entry("<=", (value, more) -> compare("<=", value, more)),
            Map.entry("gt", (value, more) -> compare(">", value, more)),
            Map.entry("greaterthan", (value, more) -> compare(">", value, more)),
            Map.entry(">", (value, more) -> compare(">", value, more)),
            Map.entry("ge", (value, more) -> compare(">=", value, more)),
            Map.entry(">=", (value, more) -> compare(">=", value, more)));

    private ValueTests() {}

    static @Nullable ValueTest find(String name) {
        return ALL.get(
                name.equals("None") ? "none" : name.equals("True") ? "true" : name.equals("False") ? "false" : name);
    }

    private static boolean isSequence(@Nullable Object value) {
        return value instanceof String
                || value instanceof List
                || value instanceof Tuple
                || value instanceof Map
                || value instanceof Undefined;
    }

    private static boolean divisible(@Nullable Object value, Arguments more) {
        long by = more.number(0, "num", 0);
        if (by == 0) {
            throw new TemplateException("division by zero");
        }
        return Math.floorMod(Values.integer(value), by) == 0;
    }

    private static boolean same(@Nullable Object value, @Nullable Object other) {
        return value == other
                || (value instanceof Boolean || value instanceof Long || value instanceof String)
                        && value.equals(other);
    }

    private static boolean compare(String operator, @Nullable Object value, Arguments more) {
        return Operators.compare(operator, value, more.required(0, "other"), more.frame().rendering);
    }
}
