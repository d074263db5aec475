package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/** Numbers in tables, legends and JSON files. */
final class Numbers {
    private Numbers() {}

    /** {@code 0.1}, {@code 3e-04}: as short as it goes. */
    static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e6
                ? String.valueOf((long) value)
                : String.valueOf(value).replace("E", "e");
    }

    /** {@code 3.4e-13}. */
    static String power(double value) {
        return String.format(Locale.ROOT, "%.1e", value);
    }

    /** A fixed number of decimals. */
    static String fixed(double value, int decimals) {
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    /** The same tree with nothing in place of a number that is not finite, for which JSON has no word. */
    static @Nullable Object finite(@Nullable Object tree) {
        if (tree instanceof Double number) {
            return Double.isFinite(number) ? number : null;
        }
        if (tree instanceof double[] numbers) {
            return DoubleStream.of(numbers).allMatch(Double::isFinite)
                    ? numbers
                    : finite(DoubleStream.of(numbers).boxed().toList());
        }
        if (tree instanceof Map<?, ?> map) {
            Map<Object, @Nullable Object> finite = new LinkedHashMap<>();
            map.forEach((key, value) -> finite.put(key, finite(value)));
            return finite;
        }
        if (tree instanceof Collection<?> all) {
            List<@Nullable Object> finite = new ArrayList<>();
            all.forEach(each -> finite.add(finite(each)));
            return finite;
        }
        return tree;
    }
}
