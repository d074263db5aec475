package org.loft4j.data;

import java.util.List;
import org.loft4j.ConfigException;

/** Lets a text through as it comes, up to the first of some strings; what may be the beginning of one is held back. */
public final class StopStrings {
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean found;

    /**
     * @param stops none of them empty
     * @throws ConfigException if one is
     */
    public StopStrings(List<String> stops) {
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new ConfigException("a stop string must not be empty");
        }
        this.stops = List.copyOf(stops);
    }

    /** Another one in the same state. */
    public StopStrings copy() {
        StopStrings copy = new StopStrings(stops);
        copy.held.append(held);
        copy.found = found;
        return copy;
    }

    /** Adds a piece of text, and returns what is certain not to belong to a stop string. */
    public String add(String piece) {
        if (found) {
            return "";
        }
        held.append(piece);
        int first = -1;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            first = at >= 0 && (first < 0 || at < first) ? at : first;
        }
        found = first >= 0;
        return release(found ? first : held.length() - beginning());
    }

    /** Whether one of the strings has come. */
    public boolean isFound() {
        return found;
    }

    /** What was held back and did not become a stop string. */
    public String finish() {
        return found ? "" : release(held.length());
    }

    private String release(int length) {
        String text = held.substring(0, length);
        held.delete(0, length);
        return text;
    }

    /** Length of the longest end of the text that is the beginning of a stop string. */
    private int beginning() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (stop.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
