package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class RowCheckTest {
    /** As spreadsheets, web pages and editors leave them. */
    @Test
    void whatCannotBeSeenAroundANameIsNoPartOfIt() {
        for (String blank :
                new String[] {"", " ", "\t", "\u00a0", "\u202f", "\u200b", "\ufeff", "\u00ad", " \u00a0\u200b "}) {
            assertEquals("very good", RowCheck.name(blank + "very good" + blank));
            assertEquals("", RowCheck.name(blank));
        }
        assertEquals("very\u00a0good", RowCheck.name("very\u00a0good"));
        assertEquals("\ud83d\ude00", RowCheck.name("\ufeff\ud83d\ude00\u00a0"));
    }
}
