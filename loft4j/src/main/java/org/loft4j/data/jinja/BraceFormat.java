package org.loft4j.data.jinja;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code "{} is {age:>4}".format(name, age=3)}. */
final class BraceFormat {
    private static final Pattern PLACE =
            Pattern.compile("\\{\\{|\\}\\}|\\{(\\w*)((?:\\.\\w+|\\[\\w+\\])*)(?:!([rs]))?(?::([^{}]*))?\\}");
    private static final Pattern SPECIFICATION =
            Pattern.compile("(?:(.)?([<>=^]))?([-+ ])?(0)?(\\d{0,6})(?:\\.(\\d{1,6}))?([a-zA-Z%])?", Pattern.DOTALL);
    private static final Pattern STEP = Pattern.compile("\\.(\\w+)|\\[(\\w+)\\]");

    private static final int LONGEST = 16 << 20;

    private BraceFormat() {}

    static String format(String format, Arguments arguments) {
        StringBuilder made = new StringBuilder();
        Matcher place = PLACE.matcher(format);
        int at = 0;
        int next = 0;
        while (place.find()) {
            made.append(plain(format.substring(at, place.start())));
            at = place.end();
            if (place.group(1) == null) {
                made.append(place.group().charAt(0));
                continue;
            }
            String key = place.group(1);
            Object value = value(key.isEmpty() ? String.valueOf(next++) : key, place.group(2), arguments);
            if (place.group(3) != null) {
                value = place.group(3).equals("r") ? Values.repr(value) : Values.text(value);
            }
            made.append(conversion(place.group(4) == null ? "" : place.group(4)).apply(value));
            if (made.length() > LONGEST) {
                throw new TemplateException("a format makes more than " + LONGEST + " characters");
            }
        }
        return made.append(plain(format.substring(at))).toString();
    }

    private static String plain(String text) {
        if (text.indexOf('{') >= 0 || text.indexOf('}') >= 0) {
            throw new TemplateException("a format has a brace that means nothing: '" + text + "'");
        }
        return text;
    }

    private static @Nullable Object value(String key, String steps, Arguments arguments) {
        boolean position = key.chars().allMatch(Character::isDigit);
        int index = position ? Integer.parseInt(key.length() > 6 ? "999999" : key) : Integer.MAX_VALUE;
        if (!arguments.has(index, key)) {
            throw new TemplateException("the format needs an argument '" + key + "'");
        }
        Object value = arguments.get(index, key, null);
        Matcher step = STEP.matcher(steps);
        while (step.find()) {
            String name = step.group(1);
            String item = step.group(2);
            value = name != null
                    ? Attributes.attribute(value, name)
                    : Attributes.item(value, item.matches("\\d{1,9}") ? (Object) Long.valueOf(item) : item);
        }
        return value;
    }

    private static Conversion conversion(String specification) {
        Matcher matcher = SPECIFICATION.matcher(specification);
        if (!matcher.matches()) {
            throw new TemplateException("unknown format '" + specification + "'");
        }
        boolean zeros = matcher.group(4) != null;
        return new Conversion(
                matcher.group(1) != null ? matcher.group(1).codePointAt(0) : zeros ? '0' : ' ',
                matcher.group(2) != null ? matcher.group(2).charAt(0) : 0,
                matcher.group(3) == null || matcher.group(3).equals("-") ? "" : matcher.group(3),
                matcher.group(5).isEmpty() ? 0 : Integer.parseInt(matcher.group(5)),
                matcher.group(6) == null ? -1 : Integer.parseInt(matcher.group(6)),
                matcher.group(7) == null ? 0 : matcher.group(7).charAt(0));
    }
}
