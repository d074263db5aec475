package org.loft4j.cli.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

class PastedTest {
    @Test
    void onlyWhatAShellWouldTakeApartIsQuoted() {
        assertEquals("org/tiny@main", Pasted.quoted("org/tiny@main"));
        assertEquals("\"int a\"", Pasted.quoted(Path.of("int a")));
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "its shell has quotes of its own")
    void whatMeansSomethingWithinQuotesIsEscaped() {
        assertEquals("\"a \\$b \\\"c\\\" \\\\d \\`e\"", Pasted.quoted("a $b \"c\" \\d `e"));
        assertEquals("\"~x\"", Pasted.quoted("~x"));
    }

    @Test
    void theCommandIsThatOfTheCall() {
        String before = System.getProperty("loft.command");
        System.setProperty("loft.command", "/opt/my tools/loft");
        try {
            assertEquals("\"/opt/my tools/loft\"", Pasted.command());
        } finally {
            if (before == null) {
                System.clearProperty("loft.command");
            } else {
                System.setProperty("loft.command", before);
            }
        }
    }
}
