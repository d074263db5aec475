package org.loft4j;

import java.util.regex.Pattern;

/** Names and texts of files in messages: short, on one line, without the characters by which a terminal takes orders. */
public final class Shown {
    private static final int LIMIT = 200;
    // \p{Cc} has the controls U+0080 to U+009F too, which \p{Cntrl} has not
    private static final Pattern UNFIT = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]");

    // what joins letters and pictures (U+200C, U+200D) is spelling
    private static final Pattern ORDERS =
            Pattern.compile("[\\p{Cc}\\p{Cs}\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]");
    private static final Pattern CONTROLS = Pattern.compile("\\r(?!\\n)|[\\p{Cc}&&[^\\r\\n\\t]]");

    private Shown() {}

    /** At most 200 characters of a text, with question marks for what cannot be shown; tabs are shown as \t. */
    public static String text(String text) {
        return text(text, LIMIT);
    }

    /** The whole of a text on one line as it is spelt, with question marks for orders to a terminal; tabs are shown as \t. */
    public static String line(String text) {
        return ORDERS.matcher(text.replace("\t", "\\t")).replaceAll("?");
    }

    /** The whole of a text of several lines, with question marks for the characters by which a terminal takes orders. */
    public static String lines(String text) {
        return CONTROLS.matcher(text).replaceAll("?");
    }

    /** At most so many characters of a text. */
    public static String text(String text, int limit) {
        String start = text.length() > limit ? text.substring(0, limit) + "…" : text;
        return UNFIT.matcher(start.replace("\t", "\\t")).replaceAll("?");
    }
}
