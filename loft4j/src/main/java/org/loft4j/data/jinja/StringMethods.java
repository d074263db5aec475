package org.loft4j.data.jinja;

import java.util.ArrayList;
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
            case "splitlines" -> call -> lines(text, call.atMost(1, "keepends").flag(0, "keepends", false));
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
            case "isupper" -> call -> !text.equals(Strings.lower(text)) && text.equals(Strings.upper(text));
            case "islower" -> call -> !text.equals(Strings.upper(text)) && text.equals(Strings.lower(text));
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
            words(text, most < 0 ? Long.MAX_VALUE : most, fromEnd, parts);
            return parts;
        }
        String by = call.text(0, "sep");
        if (by.isEmpty()) {
            throw new TemplateException("split needs a separator that is not empty");
        }
        String rest = text;
        while (most < 0 || parts.size() < most) {
            int at = fromEnd ? rest.lastIndexOf(by) : rest.indexOf(by);
            if (at < 0) {
                break;
            }
            String after = rest.substring(at + by.length());
            String before = rest.substring(0, at);
            parts.add(fromEnd ? 0 : parts.size(), fromEnd ? after : before);
            rest = fromEnd ? before : after;
        }
        parts.add(fromEnd ? 0 : parts.size(), rest);
        return parts;
    }

    private static void words(String text, long most, boolean fromEnd, List<@Nullable Object> parts) {
        String rest = Strings.strip(text, true, true);
        while (!rest.isEmpty()) {
            int at = -1;
            for (int i = 0; i < rest.length() && parts.size() < most; i++) {
                int position = fromEnd ? rest.length() - 1 - i : i;
                if (Strings.isSpace(rest.charAt(position))) {
                    at = position;
                    break;
                }
            }
            String word = at < 0 ? rest : fromEnd ? rest.substring(at + 1) : rest.substring(0, at);
            parts.add(fromEnd ? 0 : parts.size(), word);
            rest = at < 0 ? "" : Strings.strip(fromEnd ? rest.substring(0, at) : rest.substring(at), !fromEnd, fromEnd);
        }
        if (!parts.isEmpty() && most < Long.MAX_VALUE) {
            // the last part keeps the space at the far end
            int last = fromEnd ? 0 : parts.size() - 1;
            String part = String.valueOf(parts.get(last));
            String outer = Strings.strip(text, !fromEnd, fromEnd);
            if (parts.size() > most) {
                parts.set(
                        last,
                        fromEnd
                                ? outer.substring(0, outer.indexOf(part) + part.length())
                                : outer.substring(outer.lastIndexOf(part)));
            }
        }
    }

    static List<@Nullable Object> lines(String text, boolean keepEnds) {
        List<@Nullable Object> lines = new ArrayList<>();
        int start = 0;
        while (start < text.length()) {
            int end = start;
            while (end < text.length()
                    && "\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(text.charAt(end)) < 0) {
                end++;
            }
            int next = end + (text.startsWith("\r\n", end) ? 2 : end < text.length() ? 1 : 0);
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
        if (most < 0) {
            return text.replace(from, to);
        }
        StringBuilder made = new StringBuilder();
        int at = 0;
        for (long i = 0; i < most && !from.isEmpty(); i++) {
            int next = text.indexOf(from, at);
            if (next < 0) {
                break;
            }
            made.append(text, at, next).append(to);
            at = next + from.length();
        }
        return made.append(text, at, text.length()).toString();
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
