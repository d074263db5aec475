package org.loft4j.cli.reproduce;

import java.util.Locale;

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
}
