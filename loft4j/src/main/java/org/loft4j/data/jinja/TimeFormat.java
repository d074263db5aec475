package org.loft4j.data.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** {@code strftime} with the names of months and days in English. */
final class TimeFormat {
    private TimeFormat() {}

    static String format(String format, ZonedDateTime time) {
        StringBuilder made = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                made.append(c);
                continue;
            }
            boolean bare = format.charAt(i + 1) == '-' && i + 2 < format.length();
            i += bare ? 2 : 1;
            String part = part(format.charAt(i), time);
            made.append(bare ? part.replaceFirst("^0+(?=.)", "") : part);
        }
        return made.toString();
    }

    private static String part(char letter, ZonedDateTime time) {
        String pattern = switch (letter) {
            case 'Y' -> "yyyy";
            case 'y' -> "yy";
            case 'm' -> "MM";
            case 'd' -> "dd";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'f' -> "SSSSSS";
            case 'p' -> "a";
            case 'B' -> "MMMM";
            case 'b', 'h' -> "MMM";
            case 'A' -> "EEEE";
            case 'a' -> "EEE";
            case 'j' -> "DDD";
            case 'F' -> "yyyy-MM-dd";
            case 'T' -> "HH:mm:ss";
            case 'R' -> "HH:mm";
            case 'D' -> "MM/dd/yy";
            case 'x' -> "MM/dd/yy";
            case 'X' -> "HH:mm:ss";
            case 'z', 'Z' -> ""; // the reference asks a clock without a zone
            default -> null;
        };
        if (pattern != null) {
            return pattern.isEmpty()
                    ? ""
                    : DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
        }
        return switch (letter) {
            case '%' -> "%";
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'e' -> String.format(Locale.ROOT, "%2d", time.getDayOfMonth());
            case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
            case 'w' -> String.valueOf(time.getDayOfWeek().getValue() % 7);
            case 's' -> String.valueOf(time.toEpochSecond());
            case 'V' -> String.format(Locale.ROOT, "%02d", time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
            default -> throw new TemplateException("strftime_now does not know '%" + letter + "'");
        };
    }
}
