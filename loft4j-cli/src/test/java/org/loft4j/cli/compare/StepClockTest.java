package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.train.StepEvent;

class StepClockTest {
    private final TrialRunner.StepClock clock = new TrialRunner.StepClock();

    private void step(long number, double seconds) {
        clock.onStep(new StepEvent(number, 4, 0, 1, 1e-3, 1, false, 100, false, 1, seconds, 1, Map.of()));
    }

    @Test
    void theFirstStepOfAProcessCountsOnlyWhileItIsTheOnlyOne() {
        assertEquals(0, clock.steps());
        step(41, 7);
        assertEquals(7, clock.secondsAStep(), 1e-12);
        step(42, 1);
        step(43, 2);
        assertEquals(1.5, clock.secondsAStep(), 1e-12);
        assertEquals(3, clock.steps());
    }
}
