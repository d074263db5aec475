package org.loft4j.adapter;

/**
 * Counts in how many ways a regular expression can match no character at one place. The engine tries them without looking at a
 * character, so that no count of characters stops it: {@code (?:^|^)} thirty times has 2^30. An upper bound, for patterns that
 * compile.
 */
final class EmptyWays {
    private static final int DEEPEST = 500;

    private final String pattern;
    private int at;
    private int depth;

    /**
     * A part of the pattern.
     *
     * @param empty whether it can match nothing
     * @param ways in which it does, one at least
     */
    private record Part(boolean empty, double ways) {}

    private EmptyWays(String pattern) {
        this.pattern = pattern;
    }

    /** The number of ways; infinite for what is nested too deep, or written too oddly, to be looked through. */
    static double of(String pattern) {
        EmptyWays reader = new EmptyWays(pattern);
        double ways = reader.alternatives().ways;
        return reader.at == pattern.length() ? ways : Double.POSITIVE_INFINITY;
    }

    /** Ends the reading, without a number. */
    private void giveUp() {
        at = pattern.length() + 1;
    }

    private boolean take(String text) {
        boolean there = pattern.startsWith(text, at);
        at += there ? text.length() : 0;
        return there;
    }

    private boolean stands(String characters) {
        return at < pattern.length() && characters.indexOf(pattern.charAt(at)) >= 0;
    }

    private Part alternatives() {
        double empty = 0;
        double others = 1;
        do {
            Part one = sequence();
            if (one.empty) {
                empty += one.ways;
            } else {
                others = Math.max(others, one.ways);
            }
        } while (take("|"));
        return new Part(empty > 0, Math.max(empty, others));
    }

    private Part sequence() {
        boolean empty = true;
        double ways = 1;
        while (at < pattern.length() && !stands("|)")) {
            Part next = repeated(atom());
            empty &= next.empty;
            ways *= next.ways;
        }
        return new Part(empty, ways);
    }

    private Part repeated(Part atom) {
        Part whole = atom;
        boolean again = false; // what a second sign repeats depends on the engine: nothing, at worst
        while (stands("?*+{")) {
            char sign = pattern.charAt(at++);
            boolean optional = sign == '?' || sign == '*';
            double times = 2;
            if (sign == '{') {
                int end = Math.max(at, pattern.indexOf('}', at));
                String inside = pattern.substring(at, end);
                if (!inside.matches("\\d+(,\\d*)?")) {
                    giveUp();
                    return whole;
                }
                at = end + 1;
                String[] bounds = inside.split(",", -1);
                optional = bounds[0].matches("0+");
                String most = bounds[bounds.length - 1];
                times = Double.parseDouble(most.isEmpty() ? bounds[0] : most);
            }
            // a repetition without end stops at what is empty, a counted one does not
            double ways = !whole.empty && !again
                    ? whole.ways
                    : sign == '{' ? Math.max(1, times) * Math.pow(whole.ways, times) : whole.ways * times;
            whole = new Part(whole.empty || optional, ways);
            again = true;
            if (stands("?+")) {
                at++; // lazy or possessive
            }
        }
        return whole;
    }

    private Part atom() {
        char c = pattern.charAt(at++);
        return switch (c) {
            case '^', '$' -> new Part(true, 1);
            case '{' -> {
                at--; // with nothing before it, nothing is repeated
                yield new Part(true, 1);
            }
            case '\\' -> new Part(escape(), 1);
            case '[' -> {
                set();
                yield new Part(false, 1);
            }
            case '(' -> group();
            default -> new Part(false, 1);
        };
    }

    private Part group() {
        if (++depth > DEEPEST) {
            giveUp();
            return new Part(true, 1);
        }
        boolean looks = take("?=") || take("?!") || take("?<=") || take("?<!");
        if (!looks && take("?")) {
            int head = at;
            if (take("<")) {
                at = Math.max(at, pattern.indexOf('>', at) + 1);
            } else {
                while (at < pattern.length() && !stands(":>)")) {
                    at++;
                }
                if (pattern.substring(head, at).indexOf('x') >= 0) {
                    giveUp(); // a comment may hold anything
                    return new Part(true, 1);
                }
                if (take(")")) {
                    depth--;
                    return new Part(true, 1);
                }
                at++;
            }
        }
        Part inner = alternatives();
        if (!take(")")) {
            giveUp();
        }
        depth--;
        return new Part(looks || inner.empty, inner.ways);
    }

    /** Whether what stands behind a backslash can match nothing. */
    private boolean escape() {
        char c = at < pattern.length() ? pattern.charAt(at++) : ' ';
        if (c == 'c') {
            giveUp(); // a control character, written with what may be a bracket
            return true;
        }
        if (c == 'Q') {
            int end = pattern.indexOf("\\E", at);
            boolean empty = end == at;
            at = end < 0 ? pattern.length() : end + 2;
            return empty;
        }
        if ("pPxNbk".indexOf(c) >= 0 && stands("{<")) {
            int end = pattern.indexOf(pattern.charAt(at) == '{' ? '}' : '>', at);
            at = end < 0 ? pattern.length() : end + 1;
        }
        return "bBAGZzkE".indexOf(c) >= 0 || c >= '1' && c <= '9';
    }

    /** A set of characters, which may hold others. */
    private void set() {
        int open = 1;
        take("^");
        boolean first = true;
        while (at < pattern.length() && open > 0) {
            char c = pattern.charAt(at++);
            if (c == '\\') {
                escape();
            } else if (c == '[') {
                open++;
                take("^");
            } else if (c == ']' && !first) {
                open--;
            }
            first = c == '[';
        }
        if (open > 0) {
            giveUp();
        }
    }
}
