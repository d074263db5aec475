package org.loft4j.data;

import java.util.Collection;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Pieces of data in messages: short, on one line, without control characters; tabs are shown as \\t. */
final class Quoted {
    private static final int LIMIT = 60;
    private static final int MOST = 20;

    private static final int LINE_LIMIT = 200;

    private static final Pattern UNFIT = Pattern.compile("[\\p{Cntrl}\\p{Cf}\\p{Cs}\\u2028\\u2029]");

    private Quoted() {}

    /** What a parser complains of, without quotes. */
    static String line(String complaint) {
        String start = complaint.length() > LINE_LIMIT ? complaint.substring(0, LINE_LIMIT) + "…" : complaint;
        return clean(start);
    }

    static String text(String text) {
        String start = text.length() > LIMIT ? text.substring(0, LIMIT) + "…" : text;
        return '"' + clean(start) + '"';
    }

    private static String clean(String text) {
        return UNFIT.matcher(text.replace("\t", "\\t")).replaceAll("?");
    }

    static String list(Collection<String> names) {
        if (names.isEmpty()) {
            return "nothing";
        }
        String shown = names.stream().limit(MOST).map(Quoted::text).collect(Collectors.joining(", "));
        return names.size() > MOST ? shown + " and " + (names.size() - MOST) + " more" : shown;
    }
}
