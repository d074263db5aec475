package org.loft4j.adapter;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.loft4j.ConfigException;

/**
 * A regular expression for paths of modules, which may come with an adapter of a stranger. A pattern may try without end; this
 * one gives up after so many steps as no honest one needs, whatever it looks like.
 */
final class ModulePattern {
    /** Name of the group that {@link #begins} gives back; a number would count the groups of the pattern itself. */
    static final String BLOCK = "loftBlock";

    private static final int LONGEST = 10_000;
    /** Ways to match nothing at one place; patterns of known adapters have a handful. */
    private static final double MOST_WAYS = 1000;
    /** Characters looked at for one path, by all patterns of a list together. Those of known adapters need some thousand. */
    private static final int MOST_STEPS = 5_000_000;

    private final String field;
    private final String shown;
    private final Pattern pattern;
    private final int ways;

    /** What the patterns of a list may still look at for one path. */
    static final class Budget {
        private long left = MOST_STEPS;
    }

    private ModulePattern(String field, String shown, Pattern pattern, int ways) {
        this.field = field;
        this.shown = shown;
        this.pattern = pattern;
        this.ways = ways;
    }

    /**
     * Compiles a pattern.
     *
     * @param field where it stands, for messages
     * @param before what is put before it, as PEFT does
     * @param after what is put behind it
     * @throws ConfigException if it is no regular expression, or longer than any that is one of a person
     */
    static ModulePattern of(String field, String before, String pattern, String after) {
        String shown = pattern.length() > 100 ? pattern.substring(0, 100) + "…" : pattern;
        if (pattern.length() > LONGEST) {
            throw new ConfigException(field + " must have at most " + LONGEST + " characters, got " + pattern.length()
                    + "; name the modules instead");
        }
        try {
            String whole = before + pattern + after;
            Pattern compiled = Pattern.compile(whole);
            double ways = EmptyWays.of(whole);
            if (!(ways <= MOST_WAYS)) {
                throw new ConfigException(
                        field + " must not repeat what matches nothing, nor choose between such things, more than "
                                + (int) MOST_WAYS + " times, got " + shown + "; name the modules instead");
            }
            return new ModulePattern(field, shown, compiled, (int) ways);
        } catch (PatternSyntaxException e) {
            throw new ConfigException(
                    field + " must be a valid regular expression, got " + shown + ": " + e.getDescription(), e);
        }
    }

    static ModulePattern of(String field, String pattern) {
        return of(field, "", pattern, "");
    }

    /** Whether the whole path fits. */
    boolean fits(String path) {
        return fits(path, new Budget());
    }

    /** @param budget that of all patterns which are tried for this path */
    boolean fits(String path, Budget budget) {
        return tried(path, budget, Matcher::matches);
    }

    /** The group {@link #BLOCK}, where the path begins as the pattern says; else an empty text. */
    String begins(String path) {
        return tried(path, new Budget(), matcher -> matcher.lookingAt() ? matcher.group(BLOCK) : "");
    }

    private interface Attempt<T> {
        T by(Matcher matcher);
    }

    private <T> T tried(String path, Budget budget, Attempt<T> attempt) {
        try {
            return attempt.by(pattern.matcher(new CountedText(path, ways, budget)));
        } catch (TooManySteps | StackOverflowError e) {
            throw new ConfigException(
                    field + " must be a regular expression that ends, got " + shown + ", which tries more than "
                            + MOST_STEPS + " times at " + path + "; name the modules instead",
                    e);
        }
    }

    /** Is thrown out of the engine of the JDK, which offers no other way to stop it. */
    private static final class TooManySteps extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooManySteps() {
            super(null, null, false, false);
        }
    }

    private record CountedText(String text, int ways, Budget budget) implements CharSequence {
        @Override
        public char charAt(int index) {
            budget.left -= ways;
            if (budget.left < 0) {
                throw new TooManySteps();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.substring(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
