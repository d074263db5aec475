package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class StopStringsTest {
    @Test
    void theTextEndsBeforeTheStringHoweverItComes() {
        String text = "one two END three";
        for (int size = 1; size < text.length(); size++) {
            StopStrings stops = new StopStrings(List.of("END", "never"));
            StringBuilder out = new StringBuilder();
            for (int at = 0; at < text.length(); at += size) {
                out.append(stops.add(text.substring(at, Math.min(text.length(), at + size))));
            }
            assertEquals("one two ", out + stops.finish(), "pieces of " + size);
            assertTrue(stops.isFound());
        }
    }

    @Test
    void theFirstOfSeveralCounts() {
        StopStrings stops = new StopStrings(List.of("cd", "bc"));
        assertEquals("a", stops.add("abcd"));
    }

    @Test
    void whatOnlyBeginsLikeOneIsHeldBackAndThenComes() {
        StopStrings stops = new StopStrings(List.of("</s>"));
        assertEquals("a ", stops.add("a <"));
        assertEquals("", stops.add("/"));
        assertEquals("</b", stops.add("b"));
        assertEquals("c", stops.add("c</s"));
        assertEquals("</s", stops.finish());
    }

    @Test
    void anEmptyOneIsRefused() {
        assertThrows(ConfigException.class, () -> new StopStrings(List.of("")));
    }
}
