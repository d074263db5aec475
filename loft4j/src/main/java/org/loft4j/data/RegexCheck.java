package org.loft4j.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * Looks through the pattern of a stranger for what makes a backtracking engine try without end: a repetition of repetitions,
 * many repetitions in a row, and many options, alternatives and short repetitions that multiply. The patterns of known tokenizers
 * have none of them.
 */
final class RegexCheck {
    private static final int LONGEST = 10_000;
    private static final int MOST_IN_A_ROW = 3;
    /** Repetitions behind which something must still fit, at most: where it does not, each is tried at every length. */
    private static final int MOST_FOLLOWED = 2;
    /** A text as long as this must not exhaust the native library, which ends the process after ten million ways. */
    private static final double TEXT = 1000;
    /** A repetition up to this often costs little. */
    private static final int SHORT = 8;

    private static final int MOST_COUNTED = 1000;
    /** Ways to go on, by options, short repetitions and alternatives: an engine may try all of them at each character. */
    private static final double MOST_WAYS = 10_000;

    private static final double MOST_WAYS_IN_TEXT = 1e7;

    /** The native library reads groups, sets in sets and repetitions of one thing by recursion, and an option like a group. */
    private static final int MOST_GROUPS = 200;

    private static final int DEEPEST_SET = 20;
    private static final int MOST_QUANTIFIERS = 4;
    private static final Pattern COUNTED = Pattern.compile("\\{(\\d*)(,?)(\\d*)\\}");

    /** Behind a parenthesis: calls out, absence, code, a comment, and a switch to patterns with comments. */
    private static final Pattern UNUSUAL = Pattern.compile("\\*|\\?[~{#]|\\?[a-wyz]*-?[a-wyz]*x");

    private static final String PROBE = "a 1.\n▁Zé";

    private final String pattern;
    private int at;
    private int groups;
    private int deepestSet;
    private int mostQuantifiers;
    /** How often the last thing is repeated at least. */
    private double least;

    /**
     * A group: repetitions in its longest alternative up to here, and in the one that is being read, and how many of them something
     * follows that must fit; ways likewise.
     */
    private static final class Group {
        private int most;
        private int here;
        private int mostFollowed;
        private int followed;
        private boolean alternatives;
        private double waysBefore;
        private double ways = 1;

        private void alternative() {
            close();
            here = 0;
            followed = 0;
            waysBefore += ways;
            ways = 1;
            alternatives = true;
        }

        private void close() {
            most = Math.max(most, here);
            mostFollowed = Math.max(mostFollowed, followed);
        }

        /** Ways through the whole of it. */
        private double all() {
            return waysBefore + ways;
        }
    }

    private RegexCheck(String pattern) {
        this.pattern = pattern;
    }

    /** What is wrong with a pattern, to stand behind "a pattern that"; null if nothing is. */
    static @Nullable String fault(String pattern) {
        return pattern.length() > LONGEST ? "has more than " + LONGEST + " characters" : new RegexCheck(pattern).find();
    }

    /** Whether a pattern fits a place without characters, as far as Java reads it as the native library does. */
    static boolean matchesNothing(String pattern) {
        if (pattern.isEmpty()) {
            return false;
        }
        try {
            return Pattern.compile(pattern).matcher(PROBE).results().anyMatch(found -> found.start() == found.end());
        } catch (PatternSyntaxException e) {
            return false;
        }
    }

    private @Nullable String find() {
        Deque<Group> open = new ArrayDeque<>();
        open.push(new Group());
        while (at < pattern.length()) {
            char c = pattern.charAt(at++);
            Group closed = null;
            if (isUnusual(c)) {
                return "calls a group, or has a comment or a control";
            }
            switch (c) {
                case '\\' -> escape();
                case '[' -> set();
                case '(' -> open.push(new Group());
                case '|' -> open.element().alternative();
                case ')' -> {
                    if (open.size() > 1) {
                        closed = open.pop();
                        closed.close();
                    }
                }
                default -> {}
            }
            groups += c == '(' ? 1 : 0;
            if (groups > MOST_GROUPS || deepestSet > DEEPEST_SET) {
                return "has more than " + MOST_GROUPS + " groups, or sets in sets";
            }
            if (c == '(' || c == '|') {
                continue;
            }
            long times = repetition();
            if (mostQuantifiers > MOST_QUANTIFIERS) {
                return "repeats a repetition";
            }
            if (times > MOST_COUNTED && times != Long.MAX_VALUE) {
                return "repeats more than " + MOST_COUNTED + " times";
            }
            boolean repeated = times > SHORT;
            double inside = closed == null ? 1 : closed.all();
            if (closed != null && repeated && (closed.most > 0 || closed.alternatives || inside > 1)) {
                return "repeats a repetition";
            }
            if (!repeated) {
                open.element().ways *= (times - least + 1) * Math.pow(inside, times);
            }
            if (open.element().all() > MOST_WAYS) {
                return "leaves more than " + (long) MOST_WAYS + " ways to try";
            }
            Group group = open.element();
            if (least > 0) {
                group.followed = group.here;
            }
            if (closed != null && closed.mostFollowed > 0) {
                // those before it, too, are tried at every length for what must fit inside
                group.followed = Math.max(group.followed, group.here + closed.mostFollowed);
            }
            group.here += (repeated ? 1 : 0) + (closed == null ? 0 : closed.most);
            if (group.here > MOST_IN_A_ROW || group.followed > MOST_FOLLOWED) {
                return "has more than " + MOST_IN_A_ROW + " repetitions in a row, or " + MOST_FOLLOWED
                        + " behind which something must fit";
            }
            if (group.ways * Math.pow(TEXT, group.followed) > MOST_WAYS_IN_TEXT) {
                return "leaves more than " + (long) MOST_WAYS_IN_TEXT + " ways to try in a text of " + (long) TEXT
                        + " characters";
            }
        }
        return null;
    }

    /**
     * Whether what was just begun takes up another part of the pattern, which may have no end, or is read otherwise than here: no
     * tokenizer has any of it.
     */
    private boolean isUnusual(char c) {
        char next = at < pattern.length() ? pattern.charAt(at) : ' ';
        return c == '\\' && ("gkcCM".indexOf(next) >= 0 || next >= '1' && next <= '9')
                || c == '('
                        && UNUSUAL.matcher(pattern).region(at, pattern.length()).lookingAt();
    }

    /** The character behind a backslash, and the braces of a property. */
    private void escape() {
        char escaped = at < pattern.length() ? pattern.charAt(at++) : ' ';
        if ("pPxu".indexOf(escaped) >= 0 && at < pattern.length() && pattern.charAt(at) == '{') {
            int end = pattern.indexOf('}', at);
            at = end < 0 ? pattern.length() : end + 1;
        }
    }

    /** A set of characters, which may hold others. */
    private void set() {
        int depth = 1;
        at += pattern.startsWith("^", at) ? 1 : 0;
        boolean first = true;
        while (at < pattern.length() && depth > 0) {
            char c = pattern.charAt(at++);
            if (c == '\\') {
                escape();
            } else if (c == '[') {
                depth++;
                deepestSet = Math.max(deepestSet, depth);
            } else if (c == ']' && !first) {
                depth--;
            }
            first = false;
        }
    }

    /** How often the last thing is repeated at most, the quantifier read with it; 1 if there is none. */
    private long repetition() {
        long times = 1;
        int quantifiers = 0;
        least = 1;
        while (at < pattern.length()) {
            char c = pattern.charAt(at);
            Matcher counted = COUNTED.matcher(pattern).region(at, pattern.length());
            if (c == '*' || c == '+') {
                times = Long.MAX_VALUE;
                least = c == '*' ? 0 : least;
                at++;
            } else if (c == '?') {
                least = 0;
                at++;
            } else if (c == '{' && counted.lookingAt()) {
                String most = counted.group(2).isEmpty() ? counted.group(1) : counted.group(3);
                String fewest = counted.group(1);
                long number = most.isEmpty() ? Long.MAX_VALUE : most.length() > 6 ? 1_000_000 : Long.parseLong(most);
                if (fewest.length() > 6 || !fewest.isEmpty() && Long.parseLong(fewest) > MOST_COUNTED) {
                    number = 1_000_000;
                }
                least *= fewest.isEmpty() ? 0 : Double.parseDouble(fewest);
                times = times == 1 ? number : times == Long.MAX_VALUE ? times : Math.max(times, times * number);
                at = counted.end();
            } else {
                break;
            }
            quantifiers++;
        }
        mostQuantifiers = Math.max(mostQuantifiers, quantifiers);
        return times;
    }
}
