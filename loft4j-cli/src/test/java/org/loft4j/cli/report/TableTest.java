package org.loft4j.cli.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class TableTest {
    /** Cells are names of files and labels of data. */
    @Test
    void noOrderReachesATerminal() {
        Table table = new Table("label", ">count");
        table.row("a\u001b]0;x\u0007\nb", "1");
        table.row("c", "23");
        assertEquals("  label      count\n  a?]0;x??b      1\n  c             23\n", table.toString());
    }
}
