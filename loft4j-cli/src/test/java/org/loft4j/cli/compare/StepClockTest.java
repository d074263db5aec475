package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.train.Evaluation;
import org.loft4j.train.StepEvent;

class StepClockTest {
    private static final long PAUSE_MILLIS = 300;

    private final TrialRunner.StepClock clock = new TrialRunner.StepClock();

    private void step(long number) {
        clock.onStep(new StepEvent(number, 4, 0, 1, 1e-3, 1, false, 100, false, 1, 1));
    }

    @Test
    void stepsAloneAreMeasured() throws InterruptedException {
        step(1);
        Thread.sleep(PAUSE_MILLIS);
        clock.onDiagnostics(1, List.of());
        step(2);
        Thread.sleep(PAUSE_MILLIS);
        clock.onEvaluation(2, new Evaluation(1, java.util.Map.of(), 1, 1), true);
        step(3);
        Thread.sleep(PAUSE_MILLIS);
        clock.onSave(3, Path.of("checkpoint-3"));
        step(4);
        double seconds = clock.secondsAStep();
        assertTrue(4 * seconds < PAUSE_MILLIS / 1e3, "a step took " + seconds + " s");
    }
}
