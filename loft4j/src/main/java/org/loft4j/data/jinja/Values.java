package org.loft4j.data.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Truth, equality, order and text of values, as Python has them. */
final class Values {
    /** What it costs to compare two values, in the steps of {@link Rendering}. */
    private static final int COMPARED = 32;

    private static final int LONGEST = 16 << 20;

    private Values() {}

    static boolean truth(@Nullable Object value) {
        if (value instanceof Boolean flag) {
            return flag;
        } else if (value instanceof String text) {
            return !text.isEmpty();
        } else if (value instanceof Number number) {
            return number.doubleValue() != 0;
        } else if (value instanceof List<?> list) {
            return !list.isEmpty();
        } else if (value instanceof Tuple tuple) {
            return !tuple.values().isEmpty();
        } else if (value instanceof Map<?, ?> map) {
            return !map.isEmpty();
        }
        return value != null && !(value instanceof Undefined);
    }

    static boolean isNumber(@Nullable Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    /** Python's int: a Long, or what is beyond it, which is written and not reckoned with. */
    static boolean isWhole(@Nullable Object value) {
        return value instanceof Long || value instanceof BigInteger;
    }

    static double real(@Nullable Object value) {
        return value instanceof Boolean flag ? (flag ? 1 : 0) : ((Number) Objects.requireNonNull(value)).doubleValue();
    }

    /** A value that must be a whole number. */
    static long integer(@Nullable Object value) {
        if (value instanceof Long number) {
            return number;
        } else if (value instanceof Boolean flag) {
            return flag ? 1 : 0;
        }
        throw fault(value, "is no whole number");
    }

    static TemplateException fault(@Nullable Object value, String complaint) {
        return value instanceof Undefined undefined
                ? undefined.fault()
                : new TemplateException(shortened(repr(value)) + " " + complaint);
    }

    static String shortened(String text) {
        return text.length() > 60 ? text.substring(0, 60) + "…" : text;
    }

    /** A key of a mapping, which must not hold others: a list that holds itself often has no end. */
    static @Nullable Object key(@Nullable Object value) {
        boolean plain = !(value instanceof List || value instanceof Map || value instanceof Namespace);
        boolean several = value instanceof Tuple tuple
                && tuple.values().stream()
                        .anyMatch(part -> part instanceof List || part instanceof Map || part instanceof Tuple);
        if (!plain || several) {
            throw fault(value, "cannot be a key");
        }
        return value;
    }

    /** @param rendering counts every value that is looked at: lists may hold one another many times over */
    static boolean equal(@Nullable Object a, @Nullable Object b, Rendering rendering) {
        rendering.work(COMPARED);
        if (isNumber(a) && isNumber(b)) {
            return a instanceof Double || b instanceof Double ? real(a) == real(b) : integer(a) == integer(b);
        } else if (a instanceof Undefined && b instanceof Undefined) {
            return true;
        } else if (a instanceof String first && b instanceof String second) {
            rendering.work(first.length() == second.length() ? first.length() : 0);
            return first.equals(second);
        } else if (a instanceof Tuple first && b instanceof Tuple second) {
            return equal(first.values(), second.values(), rendering);
        } else if (a instanceof List<?> first && b instanceof List<?> second) {
            Iterator<?> others = second.iterator();
            return first.size() == second.size()
                    && first.stream().allMatch(value -> equal(value, others.next(), rendering));
        } else if (a instanceof Map<?, ?> first && b instanceof Map<?, ?> second) {
            return first.size() == second.size()
                    && first.entrySet().stream()
                            .allMatch(entry -> second.containsKey(entry.getKey())
                                    && equal(entry.getValue(), second.get(entry.getKey()), rendering));
        }
        return Objects.equals(a, b);
    }

    /** @param rendering as for {@link #equal} */
    static int order(@Nullable Object a, @Nullable Object b, Rendering rendering) {
        rendering.work(COMPARED);
        if (isNumber(a) && isNumber(b)) {
            return a instanceof Double || b instanceof Double
                    ? Double.compare(real(a), real(b))
                    : Long.compare(integer(a), integer(b));
        } else if (a instanceof String first && b instanceof String second) {
            rendering.work((long) first.length() + second.length());
            return byCodePoints(first, second);
        }
        List<?> first = elements(a);
        List<?> second = elements(b);
        if (first == null || second == null || a instanceof Tuple != b instanceof Tuple) {
            throw a instanceof Undefined ? fault(a, "") : fault(b, "cannot be compared with " + shortened(repr(a)));
        }
        for (int i = 0; i < Math.min(first.size(), second.size()); i++) {
            if (!equal(first.get(i), second.get(i), rendering)) {
                return order(first.get(i), second.get(i), rendering);
            }
        }
        return Integer.compare(first.size(), second.size());
    }

    private static int byCodePoints(String a, String b) {
        return java.util.Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
    }

    private static @Nullable List<?> elements(@Nullable Object value) {
        return value instanceof Tuple tuple ? tuple.values() : value instanceof List<?> list ? list : null;
    }

    /** What a loop goes through: a mapping's keys, a string's characters. */
    static List<@Nullable Object> list(@Nullable Object value, Rendering rendering) {
        List<?> elements = elements(value);
        if (elements != null) {
            rendering.make(24 + 2L * elements.size());
            return new ArrayList<>(elements);
        } else if (value instanceof Map<?, ?> map) {
            rendering.make(24 + 2L * map.size());
            return new ArrayList<>(map.keySet());
        } else if (value instanceof String text) {
            rendering.make(24 + 26L * text.length());
            List<@Nullable Object> characters = new ArrayList<>();
            text.codePoints().forEach(c -> characters.add(Character.toString(c)));
            return characters;
        } else if (value instanceof Undefined) {
            return new ArrayList<>();
        }
        throw fault(value, "cannot be gone through");
    }

    static long length(@Nullable Object value) {
        List<?> elements = elements(value);
        if (elements != null) {
            return elements.size();
        } else if (value instanceof Map<?, ?> map) {
            return map.size();
        } else if (value instanceof String text) {
            return Strings.length(text);
        } else if (value instanceof Undefined) {
            return 0;
        }
        throw fault(value, "has no length");
    }

    /** What an expression prints. */
    static String text(@Nullable Object value) {
        return value instanceof String text ? text : value instanceof Undefined ? "" : repr(value);
    }

    /** The text of a value inside a list or a mapping. */
    static String repr(@Nullable Object value) {
        StringBuilder made = new StringBuilder();
        repr(value, made);
        return made.toString();
    }

    private static void repr(@Nullable Object value, StringBuilder made) {
        if (made.length() > LONGEST) {
            throw new TemplateException("the template makes too much text: it was stopped");
        }
        if (value == null) {
            made.append("None");
        } else if (value instanceof Boolean flag) {
            made.append(flag ? "True" : "False");
        } else if (value instanceof String text) {
            made.append(quoted(text));
        } else if (value instanceof Double number) {
            made.append(digits(number));
        } else if (value instanceof Tuple tuple) {
            elements(tuple.values(), made.append('('));
            made.append(tuple.values().size() == 1 ? ",)" : ")");
        } else if (value instanceof List<?> list) {
            elements(list, made.append('['));
            made.append(']');
        } else if (value instanceof Map<?, ?> map) {
            made.append('{');
            String between = "";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                repr(entry.getKey(), made.append(between));
                repr(entry.getValue(), made.append(": "));
                between = ", ";
            }
            made.append('}');
        } else if (isWhole(value)) {
            made.append(value);
        } else {
            made.append(
                    value instanceof Undefined
                            ? "Undefined"
                            : value instanceof Callable
                                    ? "a function"
                                    : value instanceof Namespace ? "a namespace" : "a loop");
        }
    }

    private static void elements(List<?> list, StringBuilder made) {
        String between = "";
        for (Object element : list) {
            repr(element, made.append(between));
            between = ", ";
        }
    }

    private static String quoted(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder made = new StringBuilder().append(quote);
        text.codePoints().forEach(c -> {
            if (c == quote || c == '\\') {
                made.append('\\').append((char) c);
            } else if (c == '\n' || c == '\r' || c == '\t') {
                made.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
            } else if (printable(c)) {
                made.appendCodePoint(c);
            } else {
                String digits = Integer.toHexString(c);
                int width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
                made.append(c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U")
                        .append("0".repeat(width - digits.length()))
                        .append(digits);
            }
        });
        return made.append(quote).toString();
    }

    private static boolean printable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            case Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }

    /** The shortest digits that are read back as the same number. */
    static String digits(double number) {
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        } else if (number == 0) {
            return 1 / number > 0 ? "0.0" : "-0.0";
        }
        BigDecimal exact = new BigDecimal(number);
        BigDecimal shortest = exact;
        for (int digits = 1; digits <= 17; digits++) {
            shortest = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (shortest.doubleValue() == number) {
                break;
            }
        }
        shortest = shortest.stripTrailingZeros();
        int exponent = shortest.precision() - shortest.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = shortest.toPlainString();
            return plain.indexOf('.') < 0 ? plain + ".0" : plain;
        }
        String all = shortest.unscaledValue().abs().toString();
        return (number < 0 ? "-" : "") + all.charAt(0) + (all.length() > 1 ? "." + all.substring(1) : "") + "e"
                + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }
}
