package org.loft4j.data.jinja;

import java.util.function.IntPredicate;

/** What Python's strings do and Java's do otherwise: characters are code points, whitespace is Unicode's. */
final class Strings {
    private Strings() {}

    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    static String strip(String text, boolean left, boolean right) {
        return strip(text, left, right, Strings::isSpace);
    }

    static String strip(String text, boolean left, boolean right, IntPredicate drop) {
        int start = 0;
        int end = text.length();
        while (left && start < end && drop.test(text.codePointAt(start))) {
            start += Character.charCount(text.codePointAt(start));
        }
        while (right && end > start && drop.test(text.codePointBefore(end))) {
            end -= Character.charCount(text.codePointBefore(end));
        }
        return text.substring(start, end);
    }

    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** The code points {@code [start, end)}. */
    static String slice(String text, int start, int end) {
        if (length(text) == text.length()) {
            return text.substring(start, end);
        }
        int from = text.offsetByCodePoints(0, start);
        return text.substring(from, text.offsetByCodePoints(from, end - start));
    }

    static String title(String text) {
        StringBuilder made = new StringBuilder();
        boolean[] inside = {false};
        text.codePoints().forEach(c -> {
            made.appendCodePoint(inside[0] ? Character.toLowerCase(c) : Character.toTitleCase(c));
            inside[0] = Character.isLetter(c);
        });
        return made.toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.codePointAt(0);
        return Character.toString(Character.toTitleCase(first)) + lower(text.substring(Character.charCount(first)));
    }

    static String lower(String text) {
        return text.toLowerCase(java.util.Locale.ROOT);
    }

    static String upper(String text) {
        return text.toUpperCase(java.util.Locale.ROOT);
    }

    /** Whether there are letters with a case, and all of them are small. */
    static boolean isLower(String text) {
        return !text.equals(upper(text)) && text.equals(lower(text));
    }

    /** The same of capital ones. */
    static boolean isUpper(String text) {
        return !text.equals(lower(text)) && text.equals(upper(text));
    }

    /** The value of a literal; an unknown escape stays as it stands. */
    static String unescape(String literal) {
        if (literal.indexOf('\\') < 0) {
            return literal;
        }
        StringBuilder made = new StringBuilder();
        int i = 0;
        while (i < literal.length()) {
            char c = literal.charAt(i++);
            if (c != '\\' || i == literal.length()) {
                made.append(c);
                continue;
            }
            char escape = literal.charAt(i++);
            int simple = "\\'\"abfnrtv".indexOf(escape);
            if (simple >= 0) {
                made.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple));
            } else if (escape == 'x' || escape == 'u' || escape == 'U') {
                int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
                made.appendCodePoint(code(literal, i, digits));
                i += digits;
            } else if (escape >= '0' && escape <= '7') {
                int end = i;
                while (end < literal.length()
                        && end < i + 2
                        && literal.charAt(end) >= '0'
                        && literal.charAt(end) <= '7') {
                    end++;
                }
                made.appendCodePoint(Integer.parseInt(literal.substring(i - 1, end), 8));
                i = end;
            } else if (escape != '\n') {
                made.append('\\').append(escape);
            }
        }
        return made.toString();
    }

    private static int code(String literal, int start, int digits) {
        try {
            int code = Integer.parseInt(literal.substring(start, start + digits), 16);
            if (code >= 0 && code <= Character.MAX_CODE_POINT) {
                return code;
            }
        } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
            // said below
        }
        throw new TemplateException("a string has an escape that names no character");
    }
}
