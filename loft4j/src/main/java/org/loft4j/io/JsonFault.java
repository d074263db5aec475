package org.loft4j.io;

import com.fasterxml.jackson.core.JsonProcessingException;

/** Text of files in messages: short, on one line, without control characters. */
final class JsonFault {
    private static final int LIMIT = 200;

    private JsonFault() {}

    /** The parser's complaint with line and column. */
    static String of(JsonProcessingException e) {
        var location = e.getLocation();
        String place =
                location == null ? "" : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
        return clean(e.getOriginalMessage()) + place;
    }

    /** The text in double quotes. */
    static String quote(String text) {
        return '"' + clean(text) + '"';
    }

    private static String clean(String text) {
        String start = text.length() > LIMIT ? text.substring(0, LIMIT) + "…" : text;
        return start.replaceAll("[\\p{Cntrl}\\p{Cf}\\u2028\\u2029]", "?");
    }
}
