package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PredictCommandTest {
    @Test
    void aTextStaysWithinItsFieldAndGivesTheTerminalNoOrders() {
        assertEquals(
                "a\\tb\\nc\\r\\\\d\\u001b[2J\\u009be é 😀", PredictCommand.field("a\tb\nc\r\\d\u001b[2J\u009be é 😀"));
    }

    @Test
    void theNameOfAFileStaysWithinItsLineAndKeepsItsBackslashes() {
        assertEquals("c:\\a\\tb\\n.png", PredictCommand.name("c:\\a\tb\n.png"));
    }

    @Test
    void columnsAreOfRowsAndRefusedBesideTexts() {
        Captured one = Captured.loft("predict", "--model", "m", "--text", "a", "--text-column", "review");
        assertEquals(2, one.status(), one.err());
        assertTrue(one.err().contains("--text-column says how the rows of --data are read"), one.err());
        Captured two = Captured.loft(
                "generate", "--model", "m", "--text", "a", "--prompt-column", "review", "--format", "prompt");
        assertTrue(two.err().contains("--prompt-column, --format say how the rows of --data are read"), two.err());
        Captured embed = Captured.loft("embed", "--model", "m", "--text-column", "review");
        assertTrue(embed.err().contains("--text-column says how the rows of --data are read"), embed.err());
    }
}
