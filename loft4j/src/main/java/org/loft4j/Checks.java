package org.loft4j;

import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Checks of configuration values; each throws a {@link ConfigException} that names field, rule and value. */
public final class Checks {
    private Checks() {}

    /** Refuses {@code value < min}. */
    public static long atLeast(String field, long value, long min) {
        if (value < min) {
            throw new ConfigException(field + " must be at least " + min + ", got " + value);
        }
        return value;
    }

    /** Refuses {@code value < min} and {@code value > max}. */
    public static long within(String field, long value, long min, long max) {
        if (value < min || value > max) {
            throw new ConfigException(field + " must be from " + min + " to " + max + ", got " + value);
        }
        return value;
    }

    /** Refuses values that are not finite and greater than zero. */
    public static double positive(String field, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new ConfigException(field + " must be greater than 0 and finite, got " + value);
        }
        return value;
    }

    /** Refuses values that are not finite or below zero. */
    public static double notNegative(String field, double value) {
        if (!(value >= 0) || Double.isInfinite(value)) {
            throw new ConfigException(field + " must be at least 0 and finite, got " + value);
        }
        return value;
    }

    /** Refuses values outside {@code [0, 1)}: moment decay rates, dropout. */
    public static double fraction(String field, double value) {
        if (!(value >= 0 && value < 1)) {
            throw new ConfigException(field + " must lie in [0, 1), got " + value);
        }
        return value;
    }

    /**
     * The value; or null where it is refused, and why is added to what else is wrong, so that all can be told at once.
     *
     * @param problems a line each
     */
    public static <T> @Nullable T collect(List<String> problems, Supplier<T> value) {
        try {
            return value.get();
        } catch (ConfigException e) {
            problems.addAll(String.valueOf(e.getMessage()).lines().toList());
            return null;
        }
    }
}
