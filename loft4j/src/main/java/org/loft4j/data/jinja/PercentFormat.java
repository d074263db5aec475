package org.loft4j.data.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code "%s is %d" % (name, age)}. */
final class PercentFormat {
    private static final Pattern PLACE =
            Pattern.compile("%(?:\\((\\w+)\\))?([-+0 ]*)(\\d{0,6})(?:\\.(\\d{0,6}))?([a-zA-Z%])?");

    private static final int LONGEST = 16 << 20;

    private PercentFormat() {}

    static String format(String format, @Nullable Object values) {
        Iterator<?> given = values instanceof Tuple tuple
                ? tuple.values().iterator()
                : java.util.Collections.singletonList(values).iterator();
        StringBuilder made = new StringBuilder();
        Matcher place = PLACE.matcher(format);
        int at = 0;
        while (place.find()) {
            made.append(format, at, place.start());
            at = place.end();
            if (place.group(5) == null) {
                throw new TemplateException("incomplete format '" + place.group() + "'");
            } else if (place.group(5).equals("%")) {
                made.append('%');
                continue;
            }
            Object value;
            if (place.group(1) != null) {
                value = named(values, place.group(1));
            } else if (given.hasNext()) {
                value = given.next();
            } else {
                throw new TemplateException("not enough arguments for the format");
            }
            made.append(conversion(place).apply(value));
            if (made.length() > LONGEST) {
                throw new TemplateException("a format makes more than " + LONGEST + " characters");
            }
        }
        if (given.hasNext() && !(values instanceof Map) && !(values instanceof List<?> list && list.isEmpty())) {
            throw new TemplateException("not all arguments are used by the format");
        }
        return made.append(format, at, format.length()).toString();
    }

    private static @Nullable Object named(@Nullable Object values, String name) {
        if (!(values instanceof Map<?, ?> map) || !map.containsKey(name)) {
            throw new TemplateException("the format needs an argument '" + name + "'");
        }
        return map.get(name);
    }

    private static Conversion conversion(Matcher place) {
        String flags = place.group(2);
        boolean left = flags.contains("-");
        char type = place.group(5).charAt(0);
        boolean zeros = flags.contains("0") && !left && type != 's' && type != 'r';
        return new Conversion(
                zeros ? '0' : ' ',
                left ? '<' : zeros ? '=' : '>',
                flags.contains("+") ? "+" : flags.contains(" ") ? " " : "",
                place.group(3).isEmpty() ? 0 : Integer.parseInt(place.group(3)),
                place.group(4) == null ? -1 : place.group(4).isEmpty() ? 0 : Integer.parseInt(place.group(4)),
                type);
    }
}
