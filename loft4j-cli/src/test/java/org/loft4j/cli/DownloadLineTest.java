package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.loft4j.io.HubName;

class DownloadLineTest {
    private static final HubName NAME = new HubName("org/tiny", "main");

    private final StringWriter out = new StringWriter();
    private final AtomicLong nanos = new AtomicLong();

    @Test
    void aTerminalSeesOneLineDrawnOverItself() {
        DownloadLine line = new DownloadLine(new PrintWriter(out), true, 120, nanos::get);
        line.onStart(NAME, 2, 4_000_000);
        line.onBytes("a", 0, 2_000_000);
        line.onBytes("b", 0, 2_000_000);
        nanos.set(1_000_000_000L);
        line.onBytes("a", 1_000_000, 2_000_000);
        nanos.set(2_000_000_000L);
        line.onBytes("b", 1_000_000, 2_000_000);
        assertEquals(
                "\r\u001b[Kdownloading org/tiny: 2 files, 4.0 MB\n"
                        + "\r 25% ━━━━━··············· 1.0 MB of 4.0 MB  1.0 MB/s  0:03 left\u001b[K"
                        + "\r 50% ━━━━━━━━━━·········· 2.0 MB of 4.0 MB  1.0 MB/s  0:02 left\u001b[K",
                out.toString());
    }

    @Test
    void bytesThatWereThereBeforeAreNotCounted() {
        DownloadLine line = new DownloadLine(new PrintWriter(out), false, 120, nanos::get);
        line.onStart(NAME, 1, 1_000_000); // of 3 MB, of which 2 MB are there
        line.onBytes("a", 2_000_000, 3_000_000);
        nanos.set(20_000_000_000L);
        line.onBytes("a", 2_500_000, 3_000_000);
        line.onRetry("a", "no connection", Duration.ofSeconds(2));
        assertEquals(
                "downloading org/tiny: 1 file, 1.0 MB\n"
                        + " 50% 500.0 kB of 1.0 MB  25.0 kB/s  0:20 left\n"
                        + "a: no connection; trying again in 2 s\n",
                out.toString());
    }

    /** What was got is checked against its checksum; of what was there the length alone is. */
    @Test
    void eachModelIsToldByWhatWasDoneForIt() {
        DownloadLine line = new DownloadLine(new PrintWriter(out), false, 120, nanos::get);
        line.onStart(NAME, 1, 1_000_000);
        line.onEnd(NAME);
        line.onEnd(new HubName("org/other", "main"));
        assertEquals(
                "downloading org/tiny: 1 file, 1.0 MB\n"
                        + "org/tiny: all files are there and checked\n"
                        + "org/other: all files are there, each as long as the hub says\n",
                out.toString());
    }

    @Test
    void aFailureIsToldBelowTheLine() {
        DownloadLine line = new DownloadLine(new PrintWriter(out), true, 120, nanos::get);
        line.onStart(NAME, 2, 4_000_000);
        nanos.set(1_000_000_000L);
        line.onBytes("a", 1_000_000, 2_000_000);
        line.onFailure(NAME);
        assertTrue(out.toString().endsWith("left\u001b[K\n"), out.toString());
        line.onRetry("a", "no connection", Duration.ofSeconds(2));
        line.onFailure(NAME);
        assertTrue(out.toString().endsWith("again in 2 s\n"), out.toString());
    }
}
