package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RowsLineTest {
    private static final long SECOND = 1_000_000_000L;

    private final StringWriter out = new StringWriter();
    private final AtomicLong nanos = new AtomicLong();

    private RowsLine line(boolean terminal, long total) {
        return new RowsLine(new PrintWriter(out), terminal, 120, total, nanos::get);
    }

    @Test
    void aTerminalSeesOneLineThatIsTakenAwayForOthers() {
        RowsLine line = line(true, 2000);
        line.clear();
        line.done(2);
        nanos.set(10 * SECOND);
        line.done(500);
        line.clear();
        line.clear();
        nanos.set(20 * SECOND);
        line.done(2000);
        assertEquals("\r 25% 500 of 2,000 rows  50 rows/s  0:30 left\u001b[K\r\u001b[K", out.toString());
    }

    @Test
    void aFileGetsALineNowAndThen() {
        RowsLine line = line(false, RowsLine.UNKNOWN);
        nanos.set(9 * SECOND);
        line.done(8);
        nanos.set(10 * SECOND);
        line.done(15);
        line.clear();
        nanos.set(21 * SECOND);
        line.done(42_000);
        assertEquals("15 rows  1.5 rows/s\n42,000 rows  2,000 rows/s\n", out.toString());
    }
}
