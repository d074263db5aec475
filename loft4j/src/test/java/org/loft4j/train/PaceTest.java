package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PaceTest {
    private long nanos;
    private final Pace pace = new Pace(() -> nanos);

    private void step(double seconds, long tokens) {
        pace.startStep();
        nanos += (long) (seconds * 1e9);
        pace.endStep(tokens);
        // an evaluation
        nanos += 1_000_000_000L;
    }

    @Test
    void theFirstStepCountsOnlyWhileItIsTheOnlyOne() {
        assertTrue(Double.isNaN(pace.secondsFor(3, 0)));
        step(10, 100);
        assertEquals(10, pace.tokensPerSecond(), 1e-9);
        assertEquals(30, pace.secondsFor(3, 0), 1e-9);
        step(1, 100);
        step(3, 300);
        assertEquals(100, pace.tokensPerSecond(), 1e-9);
        assertEquals(6, pace.secondsFor(3, 0), 1e-9);
        assertEquals(3, pace.lastSeconds(), 1e-9);
        assertEquals(17, pace.seconds(), 1e-9);
    }

    @Test
    void aPauseIsNotTheRuns() {
        step(2, 10);
        pace.rest();
        nanos += 60_000_000_000L;
        assertEquals(3, pace.seconds(), 1e-9);
        // a call that is refused
        pace.rest();
        pace.goOn();
        step(3, 10);
        assertEquals(7, pace.seconds(), 1e-9);
        pace.goOn();
        assertEquals(7, pace.seconds(), 1e-9);
    }

    @Test
    void onlyTheLatestStepsCount() {
        for (int i = 0; i < 40; i++) {
            step(5, 10);
        }
        for (int i = 0; i < 32; i++) {
            step(0.5, 10);
        }
        assertEquals(20, pace.tokensPerSecond(), 1e-9);
        assertEquals(0.5, pace.secondsFor(1, 0), 1e-9);
    }

    @Test
    void evaluationsThatAreToComeTakeTheirTimeToo() {
        step(2, 10);
        assertEquals(6, pace.secondsFor(3, 4), 1e-9, "nobody knows yet how long they take");
        pace.endEvaluation(30);
        pace.endEvaluation(20);
        assertEquals(86, pace.secondsFor(3, 4), 1e-9);
    }
}
