package org.loft4j.cli;

import java.util.Locale;

/** Numbers as a person reads them. */
final class Quantities {
    private Quantities() {}

    /** {@code 22,713,216}. */
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** {@code 90.9 MB}: powers of ten. */
    static String bytes(long bytes) {
        if (bytes < 1000) {
            return bytes + " bytes";
        }
        double scaled = bytes;
        String[] units = {"kB", "MB", "GB", "TB"};
        int unit = -1;
        while (scaled >= 999.95 && unit < units.length - 1) {
            scaled /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %s", scaled, units[unit]);
    }

    /** {@code 0.65 %}, with at least two figures. */
    static String percent(double part, double whole) {
        double percent = whole == 0 ? 0 : 100 * part / whole;
        return String.format(
                Locale.ROOT,
                percent >= 10 ? "%.1f %%" : percent >= 0.01 || percent == 0 ? "%.2f %%" : "%.2g %%",
                percent);
    }
}
