package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code object.name}, {@code object[key]} and slices. */
final class Attributes {
    private Attributes() {}

    /** A method of the value, else what it holds under the name. */
    static @Nullable Object attribute(@Nullable Object object, String name) {
        if (object instanceof Undefined undefined) {
            throw undefined.fault();
        }
        Callable method = Methods.find(object, name);
        return method != null ? method : held(object, name);
    }

    /** What a value holds under a key, else a method of that name. */
    static @Nullable Object item(@Nullable Object object, @Nullable Object key) {
        if (object instanceof Undefined undefined) {
            throw undefined.fault();
        }
        Object found = held(object, key);
        if (found instanceof Undefined
                && key instanceof String name
                && !(object instanceof Map<?, ?> map && map.containsKey(key))) {
            Callable method = Methods.find(object, name);
            return method != null ? method : found;
        }
        return found;
    }

    private static @Nullable Object held(@Nullable Object object, @Nullable Object key) {
        if (object instanceof Map<?, ?> map) {
            if (map.containsKey(Values.key(key))) {
                return map.get(key);
            }
        } else if (object instanceof Namespace namespace && key instanceof String name) {
            if (namespace.values().containsKey(name)) {
                return namespace.values().get(name);
            }
        } else if (object instanceof LoopState loop && key instanceof String name) {
            return loop.attribute(name);
        } else if (key instanceof Long index) {
            long size = object instanceof String || object instanceof List || object instanceof Tuple
                    ? Values.length(object)
                    : 0;
            long at = index < 0 ? index + size : index;
            if (at >= 0 && at < size) {
                return element(object, (int) at);
            }
        }
        return new Undefined(() -> kind(object) + " has no element " + Values.shortened(Values.repr(key)));
    }

    private static String kind(@Nullable Object object) {
        return object instanceof Map
                ? "a mapping"
                : object instanceof String
                        ? "a string"
                        : object instanceof List
                                ? "a list"
                                : object instanceof Tuple ? "a tuple" : Values.shortened(Values.repr(object));
    }

    private static @Nullable Object element(@Nullable Object object, int index) {
        if (object instanceof String text) {
            return Strings.slice(text, index, index + 1);
        }
        return object instanceof Tuple tuple
                ? tuple.values().get(index)
                : object instanceof List<?> list ? list.get(index) : null;
    }

    /** {@code object[start:stop:step]}; null for what is left out. */
    static Object slice(@Nullable Object object, @Nullable Long start, @Nullable Long stop, @Nullable Long step) {
        if (!(object instanceof String || object instanceof List || object instanceof Tuple)) {
            throw Values.fault(object, "cannot be sliced");
        }
        long size = Values.length(object);
        long by = step == null ? 1 : step;
        if (by == 0) {
            throw new TemplateException("the step of a slice must not be 0");
        }
        long lowest = by > 0 ? 0 : -1;
        long highest = by > 0 ? size : size - 1;
        long from = bound(start, by > 0 ? lowest : highest, size, lowest, highest);
        long to = bound(stop, by > 0 ? highest : lowest, size, lowest, highest);
        if (object instanceof String text && by == 1) {
            return from < to ? Strings.slice(text, (int) from, (int) to) : "";
        }
        List<@Nullable Object> values = new ArrayList<>();
        for (long i = from; by > 0 ? i < to : i > to; i += by) {
            values.add(element(object, (int) i));
        }
        if (object instanceof String) {
            StringBuilder text = new StringBuilder();
            values.forEach(text::append);
            return text.toString();
        }
        return object instanceof Tuple ? new Tuple(values) : values;
    }

    private static long bound(@Nullable Long given, long otherwise, long size, long lowest, long highest) {
        if (given == null) {
            return otherwise;
        }
        long at = given < 0 ? given + size : given;
        return Math.max(lowest, Math.min(highest, at));
    }
}
