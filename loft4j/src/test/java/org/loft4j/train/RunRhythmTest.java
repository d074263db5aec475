package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What is saved by the clock is in {@link ClockedSavesEndToEndTest}. */
class RunRhythmTest {
    @Test
    void theEvaluationsThatAreToComeAreThoseThatWillBeMade() {
        for (long total = 1; total <= 12; total++) {
            for (long every = 0; every <= 13; every++) {
                TrainConfig config =
                        TinyRun.config(Method.LOFT).evalSteps(every).build();
                RunRhythm rhythm = new RunRhythm(config, new RunPlan(5, total, Map.of()), () -> 0);
                for (long step = 1; step <= total; step++) {
                    assertEquals(
                            LongStream.rangeClosed(step, total)
                                    .filter(rhythm::evaluatesAfter)
                                    .count(),
                            rhythm.evaluationsFrom(step),
                            total + " steps, each " + every + ", from " + step);
                }
            }
        }
    }
}
