package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Arithmetic and comparison, as Python has them. */
final class Operators {
    private Operators() {}

    static Expression binary(String operator, Expression left, Expression right) {
        return frame -> {
            frame.rendering.work(1);
            return apply(operator, left.evaluate(frame), right.evaluate(frame), frame.rendering);
        };
    }

    static @Nullable Object apply(String operator, @Nullable Object left, @Nullable Object right, Rendering rendering) {
        if (operator.equals("~")) {
            return joined(Values.text(left), Values.text(right), rendering);
        } else if (Values.isNumber(left) && Values.isNumber(right)) {
            return left instanceof Double || right instanceof Double
                    ? (Object) real(operator, Values.real(left), Values.real(right))
                    : whole(operator, Values.integer(left), Values.integer(right));
        } else if (operator.equals("+")) {
            if (left instanceof String first && right instanceof String second) {
                return joined(first, second, rendering);
            } else if (left instanceof List<?> first && right instanceof List<?> second) {
                return joined(first, second, rendering);
            } else if (left instanceof Tuple first && right instanceof Tuple second) {
                return new Tuple(joined(first.values(), second.values(), rendering));
            }
        } else if (operator.equals("*")) {
            if (left instanceof Long || left instanceof Boolean) {
                return repeated(right, Values.integer(left), rendering);
            } else if (right instanceof Long || right instanceof Boolean) {
                return repeated(left, Values.integer(right), rendering);
            }
        } else if (operator.equals("%") && left instanceof String format) {
            String made = PercentFormat.format(format, right);
            rendering.make(Cost.made(made));
            return made;
        }
        if (left instanceof Undefined undefined) {
            throw undefined.fault();
        }
        throw Values.fault(right, "does not go with '" + operator + "' and " + Values.repr(left));
    }

    private static String joined(String first, String second, Rendering rendering) {
        rendering.make(24 + (long) first.length() + second.length());
        return first + second;
    }

    private static List<@Nullable Object> joined(List<?> first, List<?> second, Rendering rendering) {
        rendering.make(24 + 2 * ((long) first.size() + second.size()));
        List<@Nullable Object> all = new ArrayList<>(first);
        all.addAll(second);
        return all;
    }

    private static Object repeated(@Nullable Object value, long count, Rendering rendering) {
        int times = (int) Math.max(0, Math.min(Integer.MAX_VALUE, count));
        if (value instanceof String text) {
            rendering.make((long) text.length() * times);
            return text.repeat(times);
        } else if (value instanceof Tuple tuple) {
            return new Tuple(repeated(tuple.values(), times, rendering));
        } else if (value instanceof List<?> list) {
            return repeated(list, times, rendering);
        }
        throw Values.fault(value, "cannot be multiplied");
    }

    private static List<@Nullable Object> repeated(List<?> list, int times, Rendering rendering) {
        rendering.make(24 + 2L * list.size() * times);
        List<@Nullable Object> all = new ArrayList<>();
        for (int i = 0; i < times && !list.isEmpty(); i++) {
            all.addAll(list);
        }
        return all;
    }

    private static Object whole(String operator, long left, long right) {
        return switch (operator) {
            case "+" -> Math.addExact(left, right);
            case "-" -> Math.subtractExact(left, right);
            case "*" -> Math.multiplyExact(left, right);
            case "/" -> (double) left / divisor(right);
            case "//" -> Math.floorDiv(left, divisor(right));
            case "%" -> Math.floorMod(left, divisor(right));
            default -> right < 0 ? (Object) real(operator, left, right) : power(left, right);
        };
    }

    private static long divisor(long value) {
        if (value == 0) {
            throw new TemplateException("division by zero");
        }
        return value;
    }

    private static long power(long base, long exponent) {
        if (exponent > 63 && Math.abs(base) > 1) {
            throw new TemplateException(base + " ** " + exponent + " is too large");
        }
        long result = 1;
        for (long i = 0; i < exponent % 64; i++) {
            result = Math.multiplyExact(result, base);
        }
        return base == 0 && exponent > 0 ? 0 : result;
    }

    private static double real(String operator, double left, double right) {
        boolean divides = operator.equals("/") || operator.equals("//") || operator.equals("%");
        if (divides && right == 0 || operator.equals("**") && left == 0 && right < 0) {
            throw new TemplateException("division by zero");
        }
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / right;
            case "//" -> floored(left, right);
            case "%" -> rest(left, right);
            default -> Math.pow(left, right);
        };
    }

    /** A quotient rounded down, of the exact one: 1.0 // 0.1 is 9.0, for 0.1 is a little more than a tenth. */
    private static double floored(double left, double right) {
        double rest = left % right;
        boolean apart = rest != 0 && rest < 0 != right < 0;
        double whole = Math.rint((left - rest) / right) - (apart ? 1 : 0);
        return whole == 0 ? Math.copySign(0, left / right) : whole;
    }

    /** What is left of a division that rounds down, exactly, with the sign of the divisor. */
    private static double rest(double left, double right) {
        double rest = left % right;
        return rest == 0 ? Math.copySign(0, right) : rest < 0 == right < 0 ? rest : rest + right;
    }

    static Object negate(@Nullable Object value) {
        Object number = number(value);
        return number instanceof Double real ? (Object) (-real) : Math.negateExact((Long) number);
    }

    static Object number(@Nullable Object value) {
        if (value instanceof Double || value instanceof Long) {
            return value;
        } else if (value instanceof Boolean) {
            return Values.integer(value);
        }
        throw Values.fault(value, "is no number");
    }

    static boolean compare(String operator, @Nullable Object left, @Nullable Object right, Rendering rendering) {
        return switch (operator) {
            case "==" -> Values.equal(left, right, rendering);
            case "!=" -> !Values.equal(left, right, rendering);
            case "in" -> contains(right, left, rendering);
            case "not in" -> !contains(right, left, rendering);
            case "<" -> Values.order(left, right, rendering) < 0;
            case "<=" -> Values.order(left, right, rendering) <= 0;
            case ">" -> Values.order(left, right, rendering) > 0;
            default -> Values.order(left, right, rendering) >= 0;
        };
    }

    static boolean contains(@Nullable Object container, @Nullable Object value, Rendering rendering) {
        if (container instanceof String text) {
            if (value instanceof String part) {
                rendering.work((1L + text.length()) * (1 + part.length()));
                return text.contains(part);
            }
            throw Values.fault(value, "is no string that another could hold");
        } else if (container instanceof Map<?, ?> map) {
            return map.containsKey(Values.key(value));
        }
        return Values.list(container, rendering).stream().anyMatch(element -> Values.equal(element, value, rendering));
    }
}
