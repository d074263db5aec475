package org.loft4j.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import org.loft4j.Shown;

/** What JSON says in messages: a parser's complaint, and texts in quotes, as {@link Shown} has them. */
final class JsonFault {
    private JsonFault() {}

    /** The parser's complaint with line and column. */
    static String of(JsonProcessingException e) {
        var location = e.getLocation();
        String place =
                location == null ? "" : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
        return Shown.text(e.getOriginalMessage()) + place;
    }

    /** The text in double quotes. */
    static String quote(String text) {
        return '"' + Shown.text(text) + '"';
    }
}
