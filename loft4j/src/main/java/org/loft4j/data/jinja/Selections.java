package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The filters that choose, order and change the elements of a list. */
final class Selections {
    private Selections() {}

    /** {@code a.b.0} of an element. */
    static @Nullable Object attribute(@Nullable Object item, @Nullable Object path, Rendering rendering) {
        return attribute(item, path, null, rendering);
    }

    /** @param otherwise goes on in place of what an element lacks on the way; null for nothing */
    private static @Nullable Object attribute(
            @Nullable Object item, @Nullable Object path, @Nullable Object otherwise, Rendering rendering) {
        rendering.work(Cost.length(item) + Cost.length(path));
        Object value = item;
        for (Object step : path instanceof Long ? List.of(path) : steps(Values.text(path))) {
            value = Attributes.item(value, step);
            if (value instanceof Undefined && otherwise != null) {
                value = otherwise;
            }
        }
        return value;
    }

    private static List<Object> steps(String path) {
        List<Object> steps = new ArrayList<>();
        for (String part : path.split("\\.", -1)) {
            steps.add(part.matches("\\d{1,9}") ? (Object) Long.valueOf(part) : part);
        }
        return steps;
    }

    /** The elements; none of a value that is false. */
    private static List<@Nullable Object> chosenFrom(@Nullable Object value, Arguments call) {
        return Values.truth(value) ? Filters.items(value, call) : new ArrayList<>();
    }

    static Object map(@Nullable Object value, Arguments call) {
        List<@Nullable Object> made = new ArrayList<>();
        if (call.values().isEmpty()) {
            Object attribute = call.atMost(0, "attribute", "default").required(0, "attribute");
            Object otherwise = call.named().get("default");
            for (Object item : chosenFrom(value, call)) {
                made.add(attribute(item, attribute, otherwise, call.frame().rendering));
            }
            return made;
        }
        String name = call.text(0, "filter");
        Filters.Filter filter = Filters.find(name);
        if (filter == null) {
            throw new TemplateException("there is no filter '" + name + "'");
        }
        for (Object item : chosenFrom(value, call)) {
            call.frame().rendering.step();
            made.add(filter.apply(item, call.from(1)));
        }
        return made;
    }

    static Object select(@Nullable Object value, Arguments call, boolean wanted) {
        List<@Nullable Object> chosen = new ArrayList<>();
        for (Object item : chosenFrom(value, call)) {
            if (holds(item, call, 0) == wanted) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    static Object selectByAttribute(@Nullable Object value, Arguments call, boolean wanted) {
        Object attribute = call.required(0, "attribute");
        List<@Nullable Object> chosen = new ArrayList<>();
        for (Object item : chosenFrom(value, call)) {
            if (holds(attribute(item, attribute, call.frame().rendering), call, 1) == wanted) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private static boolean holds(@Nullable Object value, Arguments call, int index) {
        call.frame().rendering.step();
        if (!call.has(index, "test")) {
            return Values.truth(value);
        }
        String name = call.text(index, "test");
        ValueTests.ValueTest test = ValueTests.find(name);
        if (test == null) {
            throw new TemplateException("there is no test '" + name + "'");
        }
        return test.holds(value, call.from(index + 1));
    }

    static Object sort(@Nullable Object value, Arguments call) {
        boolean reverse =
                call.atMost(3, "reverse", "case_sensitive", "attribute").flag(0, "reverse", false);
        boolean exact = call.flag(1, "case_sensitive", false);
        Object attribute = call.get(2, "attribute", null);
        List<@Nullable Object> items = Filters.items(value, call);
        Comparator<@Nullable Object> order = byKey(attribute, exact, call.frame().rendering);
        // reversed order keeps equal elements as they stand
        items.sort(reverse ? (a, b) -> order.compare(b, a) : order);
        return items;
    }

    /** The order of elements, or of what they have under an attribute; of texts whatever their case unless it is exact. */
    static Comparator<@Nullable Object> byKey(@Nullable Object attribute, boolean exact, Rendering rendering) {
        return (a, b) ->
                Values.order(key(a, attribute, exact, rendering), key(b, attribute, exact, rendering), rendering);
    }

    private static @Nullable Object key(
            @Nullable Object item, @Nullable Object attribute, boolean exact, Rendering rendering) {
        Object key = attribute == null ? item : attribute(item, attribute, rendering);
        if (exact || !(key instanceof String text)) {
            return key;
        }
        // which takes several times as long as to look at them
        rendering.work(4L * text.length());
        return Strings.lower(text);
    }

    static Object dictsort(@Nullable Object value, Arguments call) {
        boolean exact = call.atMost(3, "case_sensitive", "by", "reverse").flag(0, "case_sensitive", false);
        String by = Values.text(call.get(1, "by", "key"));
        if (!by.equals("key") && !by.equals("value")) {
            throw new TemplateException("dictsort goes by 'key' or 'value', not by '" + by + "'");
        }
        boolean reverse = call.flag(2, "reverse", false);
        if (!(value instanceof Map<?, ?> map)) {
            throw Values.fault(value, "is no mapping to sort");
        }
        List<@Nullable Object> pairs = new ArrayList<>();
        map.forEach((key, held) -> pairs.add(Methods.pair(key, held)));
        Comparator<@Nullable Object> order = byKey(by.equals("key") ? 0L : 1L, exact, call.frame().rendering);
        pairs.sort(reverse ? (a, b) -> order.compare(b, a) : order);
        return pairs;
    }

    static Object unique(@Nullable Object value, Arguments call) {
        boolean exact = call.atMost(2, "case_sensitive", "attribute").flag(0, "case_sensitive", false);
        Object attribute = call.get(1, "attribute", null);
        Rendering rendering = call.frame().rendering;
        List<@Nullable Object> seen = new ArrayList<>();
        List<@Nullable Object> chosen = new ArrayList<>();
        for (Object item : Filters.items(value, call)) {
            Object key = key(item, attribute, exact, rendering);
            if (seen.stream().noneMatch(other -> Values.equal(other, key, rendering))) {
                seen.add(key);
                chosen.add(item);
            }
        }
        return chosen;
    }

    static Object batch(@Nullable Object value, Arguments call) {
        int size = (int) Math.max(
                1,
                Math.min(
                        Integer.MAX_VALUE,
                        call.atMost(2, "linecount", "fill_with").number(0, "linecount", 1)));
        Object fill = call.get(1, "fill_with", null);
        List<@Nullable Object> batches = new ArrayList<>();
        List<@Nullable Object> items = Filters.items(value, call);
        for (int start = 0; start < items.size(); start += size) {
            List<@Nullable Object> batch = new ArrayList<>(items.subList(start, Math.min(items.size(), start + size)));
            while (fill != null && batch.size() < size) {
                call.frame().rendering.make(1);
                batch.add(fill);
            }
            batches.add(batch);
        }
        return batches;
    }
}
