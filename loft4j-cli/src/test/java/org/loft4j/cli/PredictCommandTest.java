package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PredictCommandTest {
    @Test
    void aTextStaysWithinItsFieldAndGivesTheTerminalNoOrders() {
        assertEquals(
                "a\\tb\\nc\\r\\\\d\\u001b[2J\\u009be é 😀", PredictCommand.field("a\tb\nc\r\\d\u001b[2J\u009be é 😀"));
    }
}
