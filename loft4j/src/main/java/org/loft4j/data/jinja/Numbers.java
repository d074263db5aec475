package org.loft4j.data.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The filters that make numbers. */
final class Numbers {
    /** More digits than a number has; the pattern below would try them again and again. */
    private static final int LONGEST = 400;

    private static final Pattern MISPLACED = Pattern.compile("(?<!\\w)_|_(?!\\w)|__");

    private Numbers() {}

    static @Nullable Object whole(@Nullable Object value, Arguments call) {
        Object otherwise = call.atMost(2, "default", "base").get(0, "default", 0L);
        // one beyond those that there are is none
        int base = (int) Math.max(1, Math.min(37, call.number(1, "base", 10)));
        if (value instanceof Undefined undefined) {
            throw undefined.fault();
        } else if (value instanceof Double real) {
            return Double.isNaN(real) || Double.isInfinite(real) ? otherwise : cut(real);
        } else if (Values.isWhole(value)) {
            return value;
        } else if (value instanceof Boolean) {
            return Values.integer(value);
        } else if (value instanceof String text) {
            try {
                return held(new BigInteger(unprefixed(digits(text), base), base));
            } catch (NumberFormatException e) {
                Double real = parsed(text);
                return real == null || Double.isInfinite(real) ? otherwise : cut(real);
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

    private static Object cut(double real) {
        return held(new BigDecimal(real).toBigInteger());
    }

    private static Object held(BigInteger whole) {
        return whole.bitLength() < Long.SIZE ? (Object) whole.longValue() : whole;
    }

    /** Without blanks around them, and without underscores, which may stand between two digits; nothing of too many. */
    private static String digits(String text) {
        String digits = Strings.strip(text, true, true);
        return digits.length() > LONGEST ? "" : MISPLACED.matcher(digits).find() ? digits : digits.replace("_", "");
    }

    /** Without 0x, 0o or 0b where the base is that of the letter. */
    private static String unprefixed(String digits, int base) {
        String letters = base == 16 ? "xX" : base == 8 ? "oO" : base == 2 ? "bB" : "";
        return letters.isEmpty() ? digits : digits.replaceFirst("^([-+]?)0[" + letters + "](?=\\w)", "$1");
    }

    private static @Nullable Double parsed(String text) {
        String digits = digits(text);
        return digits.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d{1,4})?") ? Double.valueOf(digits) : null;
    }

    static Object round(@Nullable Object value, Arguments call) {
        int digits = (int) Math.max(
                -300, Math.min(300, call.atMost(2, "precision", "method").number(0, "precision", 0)));
        String method = Values.text(call.get(1, "method", "common"));
        if (Operators.number(value) instanceof Long whole && method.equals("common")) {
            return digits >= 0
                    ? whole
                    : held(BigDecimal.valueOf(whole)
                            .setScale(digits, RoundingMode.HALF_EVEN)
                            .toBigInteger());
        }
        double number = Values.real(Operators.number(value));
        double factor = Math.pow(10, digits);
        return switch (method) {
            // of Python's whole numbers, in which there is no zero below zero
            case "ceil" -> (Math.ceil(number * factor) + 0.0) / factor;
            case "floor" -> Math.floor(number * factor) / factor;
            case "common" ->
                Math.copySign(
                        new BigDecimal(number)
                                .setScale(digits, RoundingMode.HALF_EVEN)
                                .doubleValue(),
                        number);
            default ->
                throw new TemplateException("round goes by 'common', 'ceil' or 'floor', not by '" + method + "'");
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
