package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;
import org.loft4j.optim.StepReport;

class RunStateTest {
    private static final TrainConfig CONFIG = TinyRun.config(Method.LORA).build();

    @TempDir
    Path directory;

    private static StepResult step(double loss, Map<String, Double> scores) {
        return new StepResult(loss, 1e-3, new StepReport(1, 1, false), 4, scores);
    }

    @Test
    void whatIsLoggedIsTheMeanOfTheStepsSinceTheLastTime() {
        RunState state = RunState.of(CONFIG);
        for (double loss : new double[] {1, 2, 6}) {
            state.advance(step(loss, Map.of("reward", 2 * loss)));
        }
        assertEquals(Map.of("loss", 3.0, "reward", 6.0), state.takeWindow());
        state.advance(step(5, Map.of("reward", 1.0)));
        assertEquals(Map.of("loss", 5.0, "reward", 1.0), state.takeWindow());
    }

    /** A hundred in a row end a run; as many here and there do not, and are forgotten with the next that is not skipped. */
    @Test
    void skippedStepsCountInARowAlone() {
        StepResult skipped = new StepResult(Double.NaN, 1e-3, new StepReport(Double.NaN, 0, true), 4, Map.of());
        RunState state = RunState.of(CONFIG);
        for (int step = 1; step <= 300; step++) {
            state.advance(step % 100 == 0 ? step(1, Map.of()) : skipped);
            assertNull(state.divergence(), "step " + step);
        }
        assertEquals(0, state.endsSkippedSince());
        for (int step = 301; step <= 400; step++) {
            assertNull(state.divergence(), "step " + step);
            state.advance(skipped);
        }
        assertEquals(301, state.endsSkippedSince());
        Divergence found = state.divergence();
        assertNotNull(found);
        assertEquals(301, found.since());
    }

    /** One that is none is none in the file either, and does not stand in the way of the run that goes on. */
    @Test
    void sumsThatAreNoNumbersAreReadBack() throws IOException {
        RunState state = RunState.of(CONFIG);
        state.advance(step(Double.POSITIVE_INFINITY, Map.of("reward_std", Double.POSITIVE_INFINITY, "reward", 1.0)));
        state.write(directory, 1.5, new RunPlan(2, 4, Map.of()), new Checkpoints(directory));
        Map<String, Double> means = RunState.read(directory, CONFIG).takeWindow();
        assertEquals(Map.of("loss", Double.NaN, "reward_std", Double.NaN, "reward", 1.0), means);
    }

    @Test
    void whatIsReadGoesOn() throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("global_step", 7);
        tree.put("skipped_steps", 3);
        tree.put("num_input_tokens_seen", 10);
        tree.put("seconds", 1.5);
        tree.put("window_loss", 5.0);
        tree.put("window_steps", 2);
        tree.put("window_scores", Map.of("reward", 3.0));
        tree.put("best_metric", 0.25);
        tree.put("best_global_step", 2);
        tree.put("evaluations_since_best", 4);
        tree.put("skipped_since", 5);
        Json.write(directory.resolve(RunState.FILE), tree);
        RunState state = RunState.read(directory, CONFIG);
        assertEquals(4, state.best().evaluationsSince());
        assertTrue(state.best().exhausted(4));
        assertFalse(state.best().exhausted(5));
        assertEquals(1.5, state.seconds(), 0);
        state.write(directory, 2.5, new RunPlan(2, 4, Map.of()), new Checkpoints(directory));
        RunState again = RunState.read(directory, CONFIG);
        assertEquals(4, again.best().evaluationsSince(), "patience is not lost");
        assertEquals(2.5, again.seconds(), 0);
        assertEquals(3, again.wellUntil());
        assertEquals(3, state.wellUntil(), "with the weights of step 4 all since were skipped");
        state.advance(step(1, Map.of("reward", 0.0)));
        assertEquals(Map.of("loss", 2.0, "reward", 1.0), state.takeWindow());
    }
}
