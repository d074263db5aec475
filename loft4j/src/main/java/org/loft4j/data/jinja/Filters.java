package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What may stand behind a bar. */
final class Filters {
    /** One filter. */
    @FunctionalInterface
    interface Filter {
        @Nullable
        Object apply(@Nullable Object value, Arguments arguments);
    }

    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern TITLED = Pattern.compile("[^-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);

    private static final Map<String, Filter> ALL = Map.ofEntries(
            Map.entry("abs", (value, call) -> abs(Operators.number(value))),
            Map.entry("attr", (value, call) -> Attributes.attribute(value, call.text(0, "name"))),
            Map.entry("batch", Selections::batch),
            Map.entry("capitalize", (value, call) -> Strings.capitalize(Values.text(value))),
            Map.entry("count", (value, call) -> Values.length(value)),
            Map.entry("d", (value, call) -> otherwise(value, call)),
            Map.entry("default", (value, call) -> otherwise(value, call)),
            Map.entry("dictsort", Selections::dictsort),
            Map.entry("e", (value, call) -> escape(Values.text(value))),
            Map.entry("escape", (value, call) -> escape(Values.text(value))),
            Map.entry("first", (value, call) -> first(items(value, call), false)),
            Map.entry("float", Numbers::real),
            Map.entry("format", (value, call) -> PercentFormat.format(Values.text(value), arguments(call))),
            Map.entry("indent", (value, call) -> indent(Values.text(value), call)),
            Map.entry("int", Numbers::whole),
            Map.entry("items", (value, call) -> pairs(value)),
            Map.entry("join", (value, call) -> join(value, call)),
            Map.entry("last", (value, call) -> first(items(value, call), true)),
            Map.entry("length", (value, call) -> Values.length(value)),
            Map.entry("list", (value, call) -> items(value, call)),
            Map.entry("lower", (value, call) -> Strings.lower(Values.text(value))),
            Map.entry("map", Selections::map),
            Map.entry("max", (value, call) -> extreme(value, call, 1)),
            Map.entry("min", (value, call) -> extreme(value, call, -1)),
            Map.entry("reject", (value, call) -> Selections.select(value, call, false)),
            Map.entry("rejectattr", (value, call) -> Selections.selectByAttribute(value, call, false)),
            Map.entry("replace", (value, call) -> StringMethods.replace(Values.text(value), call.atMost(3, "count"))),
            Map.entry("reverse", (value, call) -> reversed(value, call)),
            Map.entry("round", Numbers::round),
            Map.entry("safe", (value, call) -> Values.text(value)),
            Map.entry("select", (value, call) -> Selections.select(value, call, true)),
            Map.entry("selectattr", (value, call) -> Selections.selectByAttribute(value, call, true)),
            Map.entry("sort", Selections::sort),
            Map.entry("string", (value, call) -> Values.text(value)),
            Map.entry("sum", Numbers::sum),
            Map.entry("title", (value, call) -> title(Values.text(value))),
            Map.entry("tojson", (value, call) -> JsonText.of(value, call)),
            Map.entry("trim", (value, call) -> StringMethods.strip(Values.text(value), call, true, true)),
            Map.entry("unique", Selections::unique),
            Map.entry("upper", (value, call) -> Strings.upper(Values.text(value))),
            Map.entry(
                    "wordcount",
                    (value, call) -> WORD.matcher(Values.text(value)).results().count()));

    private Filters() {}

    /** A filter whose work and result are counted; null if there is none of the name. */
    static @Nullable Filter find(String name) {
        Filter filter = ALL.get(name);
        return filter == null
                ? null
                : (value, call) -> {
                    Rendering rendering = call.frame().rendering;
                    rendering.work(Cost.work(value, call));
                    Object made = filter.apply(value, call);
                    rendering.make(made == value ? 0 : Cost.made(made));
                    return made;
                };
    }

    static List<@Nullable Object> items(@Nullable Object value, Arguments call) {
        return Values.list(value, call.frame().rendering);
    }

    private static Object abs(Object number) {
        return number instanceof Double real ? (Object) Math.abs(real) : Math.absExact((Long) number);
    }

    private static @Nullable Object otherwise(@Nullable Object value, Arguments call) {
        boolean falseToo = call.atMost(2, "default_value", "boolean").flag(1, "boolean", false);
        boolean missing = value instanceof Undefined || falseToo && !Values.truth(value);
        return missing ? call.get(0, "default_value", "") : value;
    }

    private static String title(String text) {
        return TITLED.matcher(text).replaceAll(word -> Matcher.quoteReplacement(Strings.capitalize(word.group())));
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }

    private static @Nullable Object first(List<@Nullable Object> items, boolean fromEnd) {
        return items.isEmpty() ? new Undefined("the sequence is empty") : items.get(fromEnd ? items.size() - 1 : 0);
    }

    private static @Nullable Object arguments(Arguments call) {
        return call.named().isEmpty() ? new Tuple(call.values()) : call.named();
    }

    private static Object pairs(@Nullable Object value) {
        List<@Nullable Object> pairs = new ArrayList<>();
        if (value instanceof Map<?, ?> map) {
            map.forEach((key, held) -> pairs.add(Methods.pair(key, held)));
        } else if (!(value instanceof Undefined)) {
            throw Values.fault(value, "is no mapping with items");
        }
        return pairs;
    }

    private static String join(@Nullable Object value, Arguments call) {
        String separator = Values.text(call.atMost(2, "d", "attribute").get(0, "d", ""));
        Object attribute = call.get(1, "attribute", null);
        StringBuilder made = new StringBuilder();
        String between = "";
        for (Object item : items(value, call)) {
            String text = Values.text(
                    attribute == null ? item : Selections.attribute(item, attribute, call.frame().rendering));
            call.frame().rendering.make((long) between.length() + text.length());
            made.append(between).append(text);
            between = separator;
        }
        return made.toString();
    }

    private static @Nullable Object extreme(@Nullable Object value, Arguments call, int sign) {
        boolean exact = call.atMost(2, "case_sensitive", "attribute").flag(0, "case_sensitive", false);
        Comparator<@Nullable Object> order =
                Selections.byKey(call.get(1, "attribute", null), exact, call.frame().rendering);
        Comparator<@Nullable Object> signed = (a, b) -> sign * order.compare(a, b);
        List<@Nullable Object> items = items(value, call);
        return items.isEmpty() ? new Undefined("the sequence is empty") : Collections.max(items, signed);
    }

    private static Object reversed(@Nullable Object value, Arguments call) {
        if (value instanceof String text) {
            return new StringBuilder(text).reverse().toString();
        }
        List<@Nullable Object> items = items(value, call);
        Collections.reverse(items);
        return items;
    }

    private static String indent(String text, Arguments call) {
        Object width = call.atMost(3, "width", "first", "blank").get(0, "width", 4L);
        String margin = width instanceof String own
                ? own
                : " ".repeat((int) Math.max(0, Math.min(1000, Values.integer(width))));
        boolean first = call.flag(1, "first", false);
        boolean blank = call.flag(2, "blank", false);
        List<@Nullable Object> lines = StringMethods.lines(text + "\n", false, call.frame().rendering);
        StringBuilder made = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) Objects.requireNonNull(lines.get(i));
            call.frame().rendering.make(margin.length() + line.length() + 1L);
            made.append(i > 0 ? "\n" : "").append(i > 0 && (blank || !line.isEmpty()) || i == 0 && first ? margin : "");
            made.append(line);
        }
        return made.toString();
    }
}
