package org.loft4j.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/** Numbers as a person reads them. */
final class Quantities {
    private static final Pattern SIZE = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*((?:[KMGTkmgt][iI]?)?[bB]?)");

    private Quantities() {}

    /** {@code 22,713,216}. */
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** {@code 1 row}, {@code 2,048 rows}. */
    static String of(long count, String one) {
        return count(count) + " " + one + (count == 1 ? "" : "s");
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

    /** {@code 0:07}, {@code 12:30}, {@code 3:05:00}. */
    static String duration(double seconds) {
        long whole = Math.max(0, Math.round(seconds));
        return whole < 3600
                ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    }

    /** Reads {@code 5GB}, {@code 500 MB} or {@code 4GiB}; without a unit, bytes. */
    static long parseBytes(String field, String text) {
        Matcher size = SIZE.matcher(text.strip());
        if (!size.matches()) {
            throw new ConfigException(field + " must be a number with KB, MB, GB, KiB, MiB or GiB, got " + text);
        }
        String unit = size.group(2).toUpperCase(Locale.ROOT);
        int power = unit.isEmpty() || unit.equals("B") ? 0 : "KMGT".indexOf(unit.charAt(0)) + 1;
        double bytes = Double.parseDouble(size.group(1)) * Math.pow(unit.contains("I") ? 1024 : 1000, power);
        return Checks.atLeast(field, (long) bytes, 1);
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
