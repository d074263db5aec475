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
    /** Characters looked at for one path. Patterns of known adapters need some thousand. */
    private static final int MOST_STEPS = 5_000_000;

    private final String field;
    private final String shown;
    private final Pattern pattern;

    private ModulePattern(String field, String shown, Pattern pattern) {
        this.field = field;
        this.shown = shown;
        this.pattern = pattern;
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
            return new ModulePattern(field, shown, Pattern.compile(before + pattern + after));
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
        return tried(path, Matcher::matches);
    }

    /** The group {@link #BLOCK}, where the path begins as the pattern says; else an empty text. */
    String begins(String path) {
        return tried(path, matcher -> matcher.lookingAt() ? matcher.group(BLOCK) : "");
    }

    private interface Attempt<T> {
        T by(Matcher matcher);
    }

    private <T> T tried(String path, Attempt<T> attempt) {
        try {
            return attempt.by(pattern.matcher(new CountedText(path, new int[1])));
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

    private record CountedText(String text, int[] steps) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (++steps[0] > MOST_STEPS) {
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
