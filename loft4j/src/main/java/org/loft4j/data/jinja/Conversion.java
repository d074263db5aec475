package org.loft4j.data.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/**
 * The short language of widths and types that Python's two ways of formatting share.
 *
 * @param fill what pads
 * @param align {@code <}, {@code >}, {@code ^} or {@code =} (between sign and digits)
 * @param sign what stands before a number that is not negative
 * @param width characters at least
 * @param precision digits behind the point, of a whole number at least, or characters of a string at most; -1 if not said
 * @param type letter; 0 if not said
 */
record Conversion(int fill, char align, String sign, int width, int precision, char type) {
    private static final int WIDEST = 10_000;

    Conversion {
        if (width > WIDEST || precision > WIDEST) {
            throw new TemplateException("a format is wider than " + WIDEST + " characters");
        }
    }

    String apply(@Nullable Object value) {
        return switch (type) {
            case 'd', 'i' -> number(whole(value, 10));
            case 'x' -> number(whole(value, 16));
            case 'X' -> number(Strings.upper(whole(value, 16)));
            case 'o' -> number(whole(value, 8));
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

    private String whole(@Nullable Object value, int radix) {
        long number = value instanceof Double real ? (long) (double) real : Values.integer(value);
        String minus = number < 0 ? "-" : "";
        String digits = Long.toString(number, radix).substring(minus.length());
        return minus + "0".repeat(Math.max(0, precision - digits.length())) + digits;
    }

    private String clipped(String text) {
        return precision >= 0 && Strings.length(text) > precision ? Strings.slice(text, 0, precision) : text;
    }

    private static String fixed(double value, int digits) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return Values.digits(value);
        }
        // a zero has a sign
        return (Math.copySign(1, value) < 0 ? "-" : "")
                + new BigDecimal(Math.abs(value))
                        .setScale(digits, RoundingMode.HALF_EVEN)
                        .toPlainString();
    }

    private String number(String digits) {
        boolean negative = digits.startsWith("-");
        return pad(
                negative ? "-" : sign,
                negative ? digits.substring(1) : digits,
                align != 0 ? align : fill == '0' ? '=' : '>');
    }

    private String pad(String before, String text, char side) {
        int room = Math.max(0, width - before.length() - Strings.length(text));
        int left = side == '<' ? 0 : side == '^' ? room / 2 : room;
        String near = Character.toString(fill).repeat(left);
        String far = Character.toString(fill).repeat(room - left);
        return side == '=' ? before + near + text + far : near + before + text + far;
    }
}
