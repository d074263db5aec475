package org.loft4j.data;

import java.util.Collection;
import java.util.stream.Collectors;

/** Pieces of data in messages: short, on one line, without control characters. */
final class Quoted {
    private static final int LIMIT = 60;
    private static final int MOST = 20;

    private Quoted() {}

    static String text(String text) {
        String start = text.length() > LIMIT ? text.substring(0, LIMIT) + "…" : text;
        return '"' + start.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}\\u2028\\u2029]", "?") + '"';
    }

    static String list(Collection<String> names) {
        if (names.isEmpty()) {
            return "nothing";
        }
        String shown = names.stream().limit(MOST).map(Quoted::text).collect(Collectors.joining(", "));
        return names.size() > MOST ? shown + " and " + (names.size() - MOST) + " more" : shown;
    }
}
