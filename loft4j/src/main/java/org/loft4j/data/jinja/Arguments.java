package org.loft4j.data.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of a call.
 *
 * @param frame where the call stands
 * @param values by position
 * @param named by name
 */
record Arguments(Frame frame, List<@Nullable Object> values, Map<String, @Nullable Object> named) {
    boolean has(int index, String name) {
        return index < values.size() || named.containsKey(name);
    }

    @Nullable
    Object get(int index, String name, @Nullable Object otherwise) {
        if (index < values.size()) {
            return values.get(index);
        }
        return named.containsKey(name) ? named.get(name) : otherwise;
    }

    @Nullable
    Object required(int index, String name) {
        if (!has(index, name)) {
            throw new TemplateException("missing argument '" + name + "'");
        }
        return get(index, name, null);
    }

    String text(int index, String name) {
        Object value = required(index, name);
        if (value instanceof String text) {
            return text;
        }
        throw new TemplateException("argument '" + name + "' must be a string, got " + Values.repr(value));
    }

    long number(int index, String name, long otherwise) {
        return Values.integer(get(index, name, otherwise));
    }

    boolean flag(int index, String name, boolean otherwise) {
        return Values.truth(get(index, name, otherwise));
    }

    /** The arguments behind the first ones. */
    Arguments from(int index) {
        return new Arguments(frame, values.subList(Math.min(index, values.size()), values.size()), named);
    }

    /** Refuses arguments that nothing here would read. */
    Arguments atMost(int count, String... names) {
        if (values.size() > count) {
            throw new TemplateException("takes at most " + count + " arguments, got " + values.size());
        }
        for (String name : named.keySet()) {
            if (!List.of(names).contains(name)) {
                throw new TemplateException("got an unexpected argument '" + name + "'");
            }
        }
        return this;
    }
}
