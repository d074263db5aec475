package org.loft4j.data;

import java.util.Collection;
import java.util.stream.Collectors;
import org.loft4j.Shown;

/** Pieces of data in messages, in quotes, as {@link Shown} has them and shorter still. */
final class Quoted {
    private static final int LIMIT = 60;
    private static final int MOST = 20;

    private Quoted() {}

    static String text(String text) {
        return '"' + Shown.text(text, LIMIT) + '"';
    }

    static String list(Collection<String> names) {
        if (names.isEmpty()) {
            return "nothing";
        }
        String shown = names.stream().limit(MOST).map(Quoted::text).collect(Collectors.joining(", "));
        return names.size() > MOST ? shown + " and " + (names.size() - MOST) + " more" : shown;
    }
}
