package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    private long nanos;

    private static StepEvent event(long step, double loss) {
        return new StepEvent(
                step,
                200,
                step / 200.0,
                loss,
                5e-4,
                1,
                Double.isNaN(loss),
                12345.6,
                false,
                1_400_000_000L,
                0.3,
                65,
                Map.of());
    }

    private String printed() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aTerminalGetsOneLineThatIsDrawnOverItself() {
        ProgressLine line = new ProgressLine(out, true, 120, () -> nanos);
        for (int step = 1; step <= 200; step++) {
            line.onStep(event(step, 0.5));
            nanos += 200_000_000L;
        }
        assertTrue(printed().startsWith("\r  0% "), printed().substring(0, 20));
        assertTrue(printed()
                .contains(
                        "50% ━━━━━━━━━━·········· 100/200  loss 0.5000  lr 5.00e-04  12,346 tok/s  1.4 GB  1:05 left"));
        assertEquals(1, printed().chars().filter(c -> c == '\n').count());
        assertTrue(printed().endsWith("\n"));
    }

    @Test
    void aNarrowTerminalCutsTheLine() {
        ProgressLine line = new ProgressLine(out, true, 40, () -> nanos);
        line.onStep(event(10, 0.5));
        assertEquals(39, printed().replace("\r", "").replace("\u001b[K", "").length());
    }

    @Test
    void elsewhereAPlainLineIsPrintedNowAndThen() {
        ProgressLine line = new ProgressLine(out, false, 80, () -> nanos);
        for (int step = 1; step <= 200; step++) {
            line.onStep(event(step, 0.5));
            nanos += 200_000_000L;
        }
        // 40 s, one line every 10 s, and the last
        assertEquals(5, printed().lines().count());
        assertFalse(printed().contains("\r") || printed().contains("\u001b"));
        assertTrue(printed().endsWith("100% 200/200  loss 0.5000  lr 5.00e-04  12,346 tok/s  1.4 GB  1:05 left\n"));
    }

    @Test
    void aSkippedStepIsReportedAndItsLossIgnored() {
        ProgressLine line = new ProgressLine(out, false, 80, () -> nanos);
        line.onStep(event(1, 0.5));
        line.onStep(event(2, Double.NaN));
        line.onStep(event(200, 0.5));
        assertTrue(printed().contains("step 2 skipped: its gradient is not finite\n"));
        assertTrue(printed().contains("200/200  loss 0.5000"));
        assertTrue(printed().endsWith("1:05 left  1 skipped\n"));
        for (int step = 3; step < 20; step++) {
            line.onStep(event(step, Double.NaN));
        }
        assertTrue(printed().contains("step 6 skipped: its gradient is not finite; further ones are only counted\n"));
        assertFalse(printed().contains("step 7 skipped"));
    }

    @Test
    void theLossIsAnAverageInWhichTheFirstStepCountsForNoMoreThanItsShare() {
        ProgressLine line = new ProgressLine(out, false, 80, () -> nanos);
        line.onStep(event(1, 3));
        line.onStep(event(2, Double.NaN));
        line.onStep(event(200, 1));
        assertTrue(printed().contains("1/200  loss 3.0000"), printed());
        // (0.9 · 3 + 1) / 1.9
        assertTrue(printed().contains("200/200  loss 1.9474"), printed());
    }

    @Test
    void aRunThatBeginsWithSkippedStepsHasNoLossYet() {
        ProgressLine line = new ProgressLine(out, false, 80, () -> nanos);
        line.onStep(event(1, Double.NaN));
        assertTrue(printed().contains("1/200  loss NaN"), printed());
    }

    @Test
    void anEvaluationGetsItsOwnLine() {
        ProgressLine line = new ProgressLine(out, true, 80, () -> nanos);
        line.onEvaluation(7, new Evaluation(0.25, Map.of("accuracy", 0.75), 4, 1), true);
        assertEquals("\r\u001b[Kevaluation at step 7:  loss 0.2500  accuracy 0.7500  (best)\n", printed());
    }

    /** What is said of a run that has ended early is not written behind the line. */
    @Test
    void aLineThatStandsIsLeftAtTheEnd() {
        ProgressLine line = new ProgressLine(out, true, 80, () -> nanos);
        line.onEnd();
        assertEquals("", printed());
        line.onStep(event(7, 0.5));
        assertFalse(printed().contains("\n"));
        line.onEnd();
        assertTrue(printed().endsWith("\u001b[K\n"), printed());
        String before = printed();
        line.onEnd();
        line.note("a word");
        line.onEnd();
        assertEquals(before + "\r\u001b[Ka word\n", printed());
        line.onStep(event(200, 0.5));
        before = printed();
        line.onEnd();
        assertEquals(before, printed(), "the last step leaves the line itself");
    }

    @Test
    void sizesAndDurations() {
        assertEquals("912 MB", ProgressLine.size(912_345_678));
        assertEquals("1.4 GB", ProgressLine.size(1_400_000_000));
        assertEquals("0:07", ProgressLine.duration(7));
        assertEquals("12:30", ProgressLine.duration(750));
        assertEquals("3:05:00", ProgressLine.duration(11100));
        assertEquals("?", ProgressLine.duration(Double.NaN));
    }

    /** A long one does not look as if the run stood still. */
    @Test
    void anEvaluationIsSeenToGoOn() {
        ProgressLine line = new ProgressLine(out, true, 120, () -> nanos);
        line.onStep(event(100, 0.5));
        for (int done = 0; done < 1000; done += 250) {
            line.onEvaluationProgress(100, done, 1000);
            nanos += 60_000_000L;
        }
        assertFalse(printed().contains(" 250/1000"), "drawn twice in a tenth of a second");
        assertTrue(printed().endsWith("\revaluation at step 100:  50%  500/1000 rows\u001b[K"), printed());
        line.onEvaluation(100, new Evaluation(0.25, Map.of(), 1000, 3), false);
        assertTrue(printed().endsWith("rows\u001b[K\r\u001b[Kevaluation at step 100:  loss 0.2500\n"), printed());
    }

    /** Before the first step it is no evaluation that takes the time. */
    @Test
    void whatIsKnownOfPreferencesIsSeenToGoOn() {
        ProgressLine line = new ProgressLine(out, true, 120, () -> nanos);
        line.onReferenceProgress(0, 1000);
        assertEquals("", printed());
        nanos += 120_000_000L;
        line.onReferenceProgress(500, 1000);
        assertEquals("\rpreferences before the first step:  50%  500/1000 answers\u001b[K", printed());
    }
}
