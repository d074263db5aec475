package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The methods of strings. */
final class StringMethods {
    private StringMethods() {}

    static @Nullable Callable find(String text, String name) {
        return switch (name) {
            case "strip" -> call -> strip(text, call, true, true);
            case "lstrip" -> call -> strip(text, call, true, false);
            case "rstrip" -> call -> strip(text, call, false, true);
            case "split" -> call -> split(text, call, false);
            case "rsplit" -> call -> split(text, call, true);
            case "splitlines" ->
                call -> lines(text, call.atMost(1, "keepends").flag(0, "keepends", false), call.frame().rendering);
            case "partition" -> call -> partition(text, call.text(0, "sep"), text.indexOf(call.text(0, "sep")), true);
            case "rpartition" ->
                call -> partition(text, call.text(0, "sep"), text.lastIndexOf(call.text(0, "sep")), false);
            case "startswith" -> call -> affix(call, text::startsWith);
            case "endswith" -> call -> affix(call, text::endsWith);
            case "removeprefix" ->
                call -> text.startsWith(call.text(0, "prefix"))
                        ? text.substring(call.text(0, "prefix").length())
                        : text;
            case "removesuffix" ->
                call -> text.endsWith(call.text(0, "suffix"))
                        ? text.substring(
                                0, text.length() - call.text(0, "suffix").length())
                        : text;
            case "replace" -> call -> replace(text, call.atMost(3, "count"));
            case "upper" -> call -> Strings.upper(text);
            case "lower", "casefold" -> call -> Strings.lower(text);
            case "title" -> call -> Strings.title(text);
            case "capitalize" -> call -> Strings.capitalize(text);
            case "find" -> call -> index(text, text.indexOf(call.atMost(1).text(0, "sub")));
            case "rfind" -> call -> index(text, text.lastIndexOf(call.atMost(1).text(0, "sub")));
            case "index" ->
                call -> found(index(text, text.indexOf(call.atMost(1).text(0, "sub"))));
            case "rindex" ->
                call -> found(index(text, text.lastIndexOf(call.atMost(1).text(0, "sub"))));
            case "count" -> call -> count(text, call.atMost(1).text(0, "sub"));
            case "join" -> call -> join(text, call);
            case "format" -> call -> BraceFormat.format(text, call);
            case "ljust" -> call -> padded(text, call, 0);
            case "rjust" -> call -> padded(text, call, 1);
            case "center" -> call -> padded(text, call, 2);
            case "zfill" -> call -> zeros(text, call);
            case "isdigit", "isnumeric", "isdecimal" -> call -> all(text, Character::isDigit);
            case "isalpha" -> call -> all(text, Character::isLetter);
            case "isalnum" -> call -> all(text, Character::isLetterOrDigit);
            case "isspace" -> call -> all(text, Strings::isSpace);
            case "isupper" -> call -> Strings.isUpper(text);
            case "islower" -> call -> Strings.isLower(text);
            case "encode" ->
                call -> {
                    throw new TemplateException("'encode' makes bytes, which templates here have not");
                };
            default -> null;
        };
    }

    private static boolean all(String text, IntPredicate kind) {
        return !text.isEmpty() && text.codePoints().allMatch(kind);
    }

    static String strip(String text, Arguments call, boolean left, boolean right) {
        Object drop = call.atMost(1, "chars").get(0, "chars", null);
        if (drop == null) {
            return Strings.strip(text, left, right);
        }
        String chars = call.text(0, "chars");
        return Strings.strip(text, left, right, c -> chars.indexOf(c) >= 0);
    }

    private interface Affix {
        boolean matches(String part);
    }

    private static boolean affix(Arguments call, Affix affix) {
        if (call.atMost(1).required(0, "prefix") instanceof Tuple several) {
            return several.values().stream().anyMatch(part -> part instanceof String text && affix.matches(text));
        }
        return affix.matches(call.text(0, "prefix"));
    }

    private static Object split(String text, Arguments call, boolean fromEnd) {
        Object separator = call.atMost(2, "sep", "maxsplit").get(0, "sep", null);
        long most = call.number(1, "maxsplit", -1);
        List<@Nullable Object> parts = new ArrayList<>();
        if (separator == null) {
            words(text, most < 0 ? Long.MAX_VALUE : most, fromEnd, parts, call.frame().rendering);
            return parts;
        }
        Rendering rendering = call.frame().rendering;
        String by = call.text(0, "sep");
        if (by.isEmpty()) {
            throw new TemplateException("split needs a separator that is not empty");
        }
        int start = 0;
        int end = text.length();
        while (most < 0 || parts.size() < most) {
            int at = fromEnd ? text.lastIndexOf(by, end - by.length()) : text.indexOf(by, start);
            if (at < 0) {
                break;
            }
            rendering.make(Cost.OBJECT);
            parts.add(fromEnd ? text.substring(at + by.length(), end) : text.substring(start, at));
            start = fromEnd ? start : at + by.length();
            end = fromEnd ? at : end;
        }
        parts.add(text.substring(start, end));
        if (fromEnd) {
            Collections.reverse(parts);
        }
        return parts;
    }

    /** Splits at blanks; the last part, or the first one from the end, keeps those at its far side. */
    private static void words(
            String text, long most, boolean fromEnd, List<@Nullable Object> parts, Rendering rendering) {
        int start = 0;
        int end = text.length();
        while (true) {
            while (start < end && !fromEnd && Strings.isSpace(text.charAt(start))) {
                start++;
            }
            while (start < end && fromEnd && Strings.isSpace(text.charAt(end - 1))) {
                end--;
            }
            if (start == end) {
                break;
            } else if (parts.size() == most) {
                parts.add(text.substring(start, end));
                break;
            }
            int at = fromEnd ? end : start;
            while (fromEnd
                    ? at > start && !Strings.isSpace(text.charAt(at - 1))
                    : at < end && !Strings.isSpace(text.charAt(at))) {
                at += fromEnd ? -1 : 1;
            }
            rendering.make(Cost.OBJECT);
            parts.add(fromEnd ? text.substring(at, end) : text.substring(start, at));
            start = fromEnd ? start : at;
            end = fromEnd ? at : end;
        }
        if (fromEnd) {
            Collections.reverse(parts);
        }
    }

    static List<@Nullable Object> lines(String text, boolean keepEnds, Rendering rendering) {
        List<@Nullable Object> lines = new ArrayList<>();
        int start = 0;
        while (start < text.length()) {
            int end = start;
            while (end < text.length()
                    && "\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(text.charAt(end)) < 0) {
                end++;
            }
            int next = end + (text.startsWith("\r\n", end) ? 2 : end < text.length() ? 1 : 0);
            rendering.make(Cost.OBJECT);
            lines.add(text.substring(start, keepEnds ? next : end));
            start = next;
        }
        return lines;
    }

    private static Object partition(String text, String separator, int at, boolean first) {
        List<@Nullable Object> parts = new ArrayList<>();
        if (at < 0) {
            parts.addAll(first ? List.of(text, "", "") : List.of("", "", text));
        } else {
            parts.addAll(List.of(text.substring(0, at), separator, text.substring(at + separator.length())));
        }
        return new Tuple(parts);
    }

    static String replace(String text, Arguments call) {
        String from = call.text(0, "old");
        String to = call.text(1, "new");
        long most = call.number(2, "count", -1);
        call.frame().rendering.make(text.length() + (long) count(text, from) * to.length());
        StringBuilder made = new StringBuilder();
        int at = 0;
        int next = text.indexOf(from);
        for (long i = 0; i != most && next >= 0; i++) {
            made.append(text, at, next).append(to);
            at = next + from.length();
            next = following(text, from, at);
        }
        return made.append(text, at, text.length()).toString();
    }

    /** Where a part stands next behind itself, or -1; an empty one is before each character, and behind the last. */
    private static int following(String text, String part, int end) {
        if (!part.isEmpty()) {
            return text.indexOf(part, end);
        }
        return end == text.length() ? -1 : text.offsetByCodePoints(end, 1);
    }

    private static long index(String text, int at) {
        return at < 0 ? -1 : text.codePointCount(0, at);
    }

    private static long found(long index) {
        if (index < 0) {
            throw new TemplateException("the substring is not found");
        }
        return index;
    }

    private static long count(String text, String part) {
        if (part.isEmpty()) {
            return Strings.length(text) + 1L;
        }
        long count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
            count++;
        }
        return count;
    }

    private static String join(String separator, Arguments call) {
        StringBuilder made = new StringBuilder();
        String between = "";
        for (Object part : Values.list(call.atMost(1).required(0, "iterable"), call.frame().rendering)) {
            if (!(part instanceof String text)) {
                throw Values.fault(part, "is no string to join");
            }
            call.frame().rendering.make((long) between.length() + text.length());
            made.append(between).append(text);
            between = separator;
        }
        return made.toString();
    }

    /** @param side 0 for space behind the text, 1 before it, 2 around it */
    private static String padded(String text, Arguments call, int side) {
        String fill = call.has(1, "fillchar") ? call.text(1, "fillchar") : " ";
        long room = Math.max(0, call.number(0, "width", 0) - Strings.length(text));
        call.frame().rendering.make(room);
        long width = room + Strings.length(text);
        // Python puts the odd character to the left where the width is odd
        long left = side == 0 ? 0 : side == 1 ? room : room / 2 + (room & width & 1);
        return fill.repeat((int) left) + text + fill.repeat((int) (room - left));
    }

    private static String zeros(String text, Arguments call) {
        long room = Math.max(0, call.number(0, "width", 0) - Strings.length(text));
        call.frame().rendering.make(room);
        boolean signed = text.startsWith("-") || text.startsWith("+");
        return (signed ? text.substring(0, 1) : "") + "0".repeat((int) room) + text.substring(signed ? 1 : 0);
    }
}
