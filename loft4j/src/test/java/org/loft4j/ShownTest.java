package org.loft4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ShownTest {
    @Test
    void noOrderReachesATerminal() {
        assertEquals("a?[31mb?31mc? d\\te?f?", Shown.text("a\u001b[31mb\u009b31mc\n d\te\u202ef\ud800"));
        assertEquals("é 😀 한", Shown.text("é 😀 한"));
    }

    @Test
    void spellingStaysInALine() {
        assertEquals("می\u200cشود 👨‍👩‍👧 a?[31m\\tb?c?", Shown.line("می\u200cشود 👨‍👩‍👧 a\u001b[31m\tb\nc\u202e"));
    }

    @Test
    void ofATextOfLinesTheLinesStay() {
        assertEquals("a?[31mb\r\nc\n\td?e 👩‍💻", Shown.lines("a\u001b[31mb\r\nc\n\td\re 👩‍💻"));
    }

    @Test
    void aTextIsShort() {
        assertEquals("x".repeat(200) + "…", Shown.text("x".repeat(201)));
        assertEquals("x?…", Shown.text("x😀y", 2));
    }
}
