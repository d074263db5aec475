package org.loft4j.data.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What values cost, in characters: an estimate for {@link Rendering}'s bounds. */
final class Cost {
    /** What a Java object takes beside its characters. */
    static final long OBJECT = 24;

    private static final long REFERENCE = 2;

    private Cost() {}

    /** The characters that a value has taken if it was made just now; what lies deeper in it was there before. */
    static long made(@Nullable Object value) {
        if (value instanceof String text) {
            return OBJECT + text.length();
        }
        List<?> list = value instanceof Tuple tuple ? tuple.values() : value instanceof List<?> own ? own : null;
        if (list != null) {
            long sum = OBJECT + REFERENCE * list.size();
            for (Object element : list) {
                sum += element instanceof String text ? OBJECT + text.length() : OBJECT;
            }
            return sum;
        }
        return value instanceof Map<?, ?> map ? OBJECT * (1 + map.size()) : 0;
    }

    /** The steps of a search in the value for the longest of the arguments, at worst. */
    static long work(@Nullable Object value, Arguments call) {
        long longest = 1;
        for (Object argument : call.values()) {
            longest = Math.max(longest, length(argument));
        }
        for (Object argument : call.named().values()) {
            longest = Math.max(longest, length(argument));
        }
        return (1 + length(value)) * longest;
    }

    static long length(@Nullable Object value) {
        return value instanceof String text
                ? text.length()
                : value instanceof List<?> list
                        ? list.size()
                        : value instanceof Tuple tuple
                                ? tuple.values().size()
                                : value instanceof Map<?, ?> map ? map.size() : 1;
    }
}
