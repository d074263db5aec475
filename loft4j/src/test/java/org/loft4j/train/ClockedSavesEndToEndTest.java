package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.Model;

/** A run that nobody has told how often to save does not lose its night: it saves by the clock too, and is the same run. */
class ClockedSavesEndToEndTest {
    private static final int LAST = 24;

    @TempDir
    Path directory;

    private final List<Long> saved = new ArrayList<>();

    private static TrainConfig config(long saveSteps) {
        // a save that is told of at its step
        return TinyRun.config(Method.LOFT)
                .evalSteps(8)
                .saveSteps(saveSteps)
                .saveInBackground(false)
                .build();
    }

    /** By a clock of which each step takes five minutes; dies at a step, if it comes to it. */
    private void train(TrainConfig config, Path output, long diesAt) throws IOException {
        long[] nanos = {0};
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model,
                        TinyRun.data(),
                        config,
                        null,
                        TinyRun.lora(),
                        output,
                        OnExisting.RESUME,
                        () -> nanos[0])) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    nanos[0] += Duration.ofMinutes(5).toNanos();
                    if (event.step() == diesAt) {
                        throw new UncheckedIOException(new IOException("as if killed"));
                    }
                }

                @Override
                public void onSave(long step, Path checkpoint) {
                    saved.add(step);
                    assertStanding(output, step);
                }
            });
            run.run();
        }
    }

    /** The limit is kept, and the best checkpoint is. */
    private static void assertStanding(Path output, long newest) {
        try {
            Checkpoints checkpoints = new Checkpoints(output);
            List<Long> steps = checkpoints.steps();
            long best = tree(checkpoints.path(newest)).get("best_global_step").asLong();
            assertTrue(steps.size() <= 2 && steps.contains(newest), steps.toString());
            assertTrue(best == 0 || steps.contains(best), best + " is not among " + steps);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static ObjectNode tree(Path directory) throws IOException {
        return (ObjectNode)
                new ObjectMapper().readTree(directory.resolve(RunState.FILE).toFile());
    }

    /** Without what the clock says. */
    private static String state(Path output) throws IOException {
        ObjectNode tree = tree(output);
        tree.remove("seconds");
        tree.get("log_history")
                .forEach(entry -> ((ObjectNode) entry)
                        .remove(List.of("tokens_per_second", "memory_bytes", "seconds", "eval_seconds")));
        return tree.toString();
    }

    @Test
    void itSavesByTheClockAndGoesOnFromThereToTheSameEnd() throws IOException {
        Path whole = directory.resolve("whole");
        TinyRun.train(config(0), whole, OnExisting.REFUSE);
        Path clocked = directory.resolve("clocked");
        assertThrows(UncheckedIOException.class, () -> train(config(0), clocked, 13));
        assertEquals(List.of(3L, 6L, 8L, 11L), saved, "the eighth is the evaluation's");
        train(config(0), clocked, -1);
        assertEquals(List.of(3L, 6L, 8L, 11L, 14L, 16L, 19L, 22L, 24L), saved);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, clocked, LAST);
        assertEquals(state(whole), state(clocked));
    }

    @Test
    void aShortRunSavesNoMoreThanBefore() throws IOException {
        TinyRun.train(config(0), directory, OnExisting.REFUSE, new TrainListener() {
            @Override
            public void onSave(long step, Path checkpoint) {
                saved.add(step);
            }
        });
        assertEquals(List.of(8L, 16L, 24L), saved);
    }

    @Test
    void whereTheStepsAreGivenTheClockHasNoSay() throws IOException {
        train(config(12), directory, -1);
        assertEquals(List.of(8L, 12L, 16L, 24L), saved, "the best and every twelfth");
    }
}
