package org.loft4j.data.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/** The filters that make numbers. */
final class Numbers {
    /** More digits than a number has; the pattern below would try them again and again. */
    private static final int LONGEST = 400;

    private Numbers() {}

    static @Nullable Object whole(@Nullable Object value, Arguments call) {
        Object otherwise = call.atMost(2, "default", "base").get(0, "default", 0L);
        int base = (int) Math.max(2, Math.min(36, call.number(1, "base", 10)));
        if (value instanceof Undefined undefined) {
            throw undefined.fault();
        } else if (value instanceof Double real) {
            return Double.isNaN(real) || Double.isInfinite(real) ? otherwise : (Object) (long) (double) real;
        } else if (Values.isWhole(value)) {
            return value;
        } else if (value instanceof Boolean) {
            return Values.integer(value);
        } else if (value instanceof String text) {
            try {
                return Long.parseLong(Strings.strip(text, true, true).replace("_", ""), base);
            } catch (NumberFormatException e) {
                Double real = parsed(text);
                return real == null || Double.isInfinite(real) ? otherwise : (Object) (long) (double) real;
            }
        }
        return otherwise;
    }

    static @Nullable Object real(@Nullable Object value, Arguments call) {
        Object otherwise = call.atMost(1, "default").get(0, "default", 0.0);
        if (value instanceof Undefined undefined) {
            throw undefined.fault();
        } else if (Values.isNumber(value) || Values.isWhole(value)) {
            return Values.real(value);
        }
        Double real = value instanceof String text ? parsed(text) : null;
        return real == null ? otherwise : real;
    }

    private static @Nullable Double parsed(String text) {
        String digits = Strings.strip(text, true, true).replace("_", "");
        return digits.length() <= LONGEST && digits.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d{1,4})?")
                ? Double.valueOf(digits)
                : null;
    }

    static Object round(@Nullable Object value, Arguments call) {
        int digits = (int) Math.max(
                -300, Math.min(300, call.atMost(2, "precision", "method").number(0, "precision", 0)));
        String method = Values.text(call.get(1, "method", "common"));
        if (Operators.number(value) instanceof Long whole && digits >= 0 && method.equals("common")) {
            return whole;
        }
        double number = Values.real(Operators.number(value));
        double factor = Math.pow(10, digits);
        return switch (method) {
            case "ceil" -> Math.ceil(number * factor) / factor;
            case "floor" -> Math.floor(number * factor) / factor;
            default ->
                new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
        };
    }

    static @Nullable Object sum(@Nullable Object value, Arguments call) {
        Object attribute = call.atMost(2, "attribute", "start").get(0, "attribute", null);
        Object total = call.get(1, "start", 0L);
        for (Object item : Filters.items(value, call)) {
            Object part = attribute == null ? item : Selections.attribute(item, attribute, call.frame().rendering);
            total = Operators.apply("+", total, part, call.frame().rendering);
        }
        return total;
    }
}
