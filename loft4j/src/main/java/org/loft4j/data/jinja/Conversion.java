package org.loft4j.data.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/**
 * The short language of widths and types that Python's two ways of formatting share.
 *
 * @param fill what pads
 * @param align {@code <}, {@code >}, {@code ^} or {@code =} (between sign and digits)
 * @param plus whether a positive number gets a sign
 * @param width characters at least
 * @param precision digits behind the point, or characters of a string at most; -1 if not said
 * @param type letter; 0 if not said
 */
record Conversion(int fill, char align, boolean plus, int width, int precision, char type) {
    private static final int WIDEST = 10_000;

    Conversion {
        if (width > WIDEST || precision > WIDEST) {
            throw new TemplateException("a format is wider than " + WIDEST + " characters");
        }
    }

    String apply(@Nullable Object value) {
        return switch (type) {
            case 'd', 'i' -> number(String.valueOf(whole(value)));
            case 'x' -> number(Long.toHexString(whole(value)));
            case 'X' -> number(Long.toHexString(whole(value)).toUpperCase(java.util.Locale.ROOT));
            case 'o' -> number(Long.toOctalString(whole(value)));
            case 'f', 'F' -> number(fixed(Values.real(Operators.number(value)), precision < 0 ? 6 : precision));
            case '%' -> number(fixed(100 * Values.real(Operators.number(value)), precision < 0 ? 6 : precision) + "%");
            case 's', 'r', 0 -> {
                String text = type == 'r' ? Values.repr(value) : Values.text(value);
                boolean counts = type == 0 && Values.isNumber(value) && !(value instanceof Boolean);
                if (counts && precision >= 0) {
                    throw new TemplateException("a format with a precision needs a type, as in '.2f'");
                }
                yield counts ? number(text) : pad("", clipped(text), align == 0 ? '<' : align);
            }
            default -> throw new TemplateException("unknown format '" + type + "'");
        };
    }

    private static long whole(@Nullable Object value) {
        return value instanceof Double real ? (long) (double) real : Values.integer(value);
    }

    private String clipped(String text) {
        return precision >= 0 && Strings.length(text) > precision ? Strings.slice(text, 0, precision) : text;
    }

    private static String fixed(double value, int digits) {
        return new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    }

    private String number(String digits) {
        boolean negative = digits.startsWith("-");
        return pad(negative ? "-" : plus ? "+" : "", negative ? digits.substring(1) : digits, align == 0 ? '>' : align);
    }

    private String pad(String sign, String text, char side) {
        int room = Math.max(0, width - sign.length() - Strings.length(text));
        int left = side == '<' ? 0 : side == '^' ? room / 2 : room;
        String before = Character.toString(fill).repeat(left);
        String after = Character.toString(fill).repeat(room - left);
        return side == '=' ? sign + before + text + after : before + sign + text + after;
    }
}
