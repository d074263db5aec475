package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Examples;
import org.loft4j.nn.Model;

/** A thread that trains is interrupted, as a pool does that is shut down: the run is saved and goes on later. */
class InterruptedRunEndToEndTest {
    private static final TrainConfig CONFIG =
            TinyRun.config(Method.LOFT).evalBatchSize(4).saveSteps(100).build();
    private static final int LAST = 24;

    @TempDir
    Path directory;

    private Path whole;
    private Path stopped;

    @BeforeEach
    void anUndisturbedRun() throws IOException {
        whole = directory.resolve("whole");
        stopped = directory.resolve("stopped");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
    }

    /** Where files were closed by it, the next line of the metrics would be lost: there is one every third step. */
    @Test
    void itEndsBitForBitWhereItWouldHaveEnded() throws IOException {
        interruptedAfter(0, 1);
        interruptedAfter(6, 6);
        goesOn();
    }

    @Test
    void anEvaluationIsGivenUp() throws IOException {
        Examples interrupting = new OverheardExamples(
                TinyRun.counting(12, 2), () -> {}, () -> Thread.currentThread().interrupt());
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, interrupting)) {
            TrainResult result = run.run();
            assertTrue(Thread.interrupted());
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(4, result.step());
            assertTrue(run.evaluationPending());
        }
        goesOn();
    }

    /** Nothing that a run writes is lost to it: checkpoints by the thread that trains, what is told at an end, the result. */
    @Test
    void itClosesNoFileWheneverItComes() throws IOException {
        TrainConfig config =
                TinyRun.config(Method.LOFT).saveSteps(2).saveInBackground(false).build();
        TrainListener always = new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                Thread.currentThread().interrupt();
            }

            @Override
            public void onDiagnostics(long step, List<LayerDiagnostics> layers) {
                Thread.currentThread().interrupt();
            }

            @Override
            public void onSave(long step, Path checkpoint) {
                Thread.currentThread().interrupt();
            }

            @Override
            public void onEnd() {
                Thread.currentThread().interrupt();
            }
        };
        // whoever opens it is interrupted too
        Thread.currentThread().interrupt();
        for (long step = 1; step <= LAST; step++) {
            TrainResult result = TinyRun.train(config, stopped, OnExisting.RESUME, always);
            assertTrue(Thread.interrupted());
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(step, result.step());
        }
        // the last evaluation is left
        assertEquals(
                TrainResult.Outcome.FINISHED,
                TinyRun.train(config, stopped, OnExisting.RESUME, always).outcome());
        assertTrue(Thread.interrupted());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, LAST);
    }

    /** Once it has ended, neither the interrupt nor the request is in force any more. */
    @Test
    void theSameRunGoesOnWhereItIsCalledAgain() throws IOException {
        Path[] newest = new Path[1];
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, TinyRun.counting(12, 2))) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == 5) {
                        Thread.currentThread().interrupt();
                    } else if (event.step() == 8 || event.step() == 13) {
                        run.requestStop();
                    } else if (event.step() == 9) {
                        newest[0] = run.newestCheckpoint();
                    }
                }
            });
            for (long end : new long[] {5, 8, 13}) {
                TrainResult result = run.run();
                assertEquals(end == 5, Thread.interrupted());
                assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
                assertEquals(end, result.step());
            }
            assertEquals(stopped.resolve("checkpoint-8"), newest[0], "what the call before has saved");
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
            assertFalse(Thread.interrupted());
        }
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, LAST);
    }

    /** By a clock of which each step takes a minute. */
    @Test
    void theSecondsOfARunThatIsCalledAgainLeaveOutThePause() throws IOException {
        long[] nanos = {0};
        TrainData data = new TrainData(TinyRun.counting(50, 1), TinyRun.counting(12, 2), 0, 16);
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, data, CONFIG, null, TinyRun.lora(), stopped, OnExisting.RESUME, () -> nanos[0])) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    nanos[0] += 60_000_000_000L;
                    if (event.step() == 5) {
                        run.requestStop();
                    }
                }
            });
            assertEquals(300, run.run().seconds(), 1e-9);
            nanos[0] += 9_000_000_000_000L;
            assertEquals(60 * LAST, run.run().seconds(), 1e-9);
        }
    }

    private TrainingRun open(Model model, Examples heldOut) throws IOException {
        TrainData data = new TrainData(TinyRun.counting(50, 1), heldOut, 0, 16);
        return TrainingRun.open(model, data, CONFIG, TinyRun.lora(), stopped, OnExisting.RESUME);
    }

    /** @param step 0 for an interrupt before the run */
    private void interruptedAfter(long step, long ends) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, TinyRun.counting(12, 2))) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == step) {
                        Thread.currentThread().interrupt();
                    }
                }
            });
            if (step == 0) {
                Thread.currentThread().interrupt();
            }
            TrainResult result = run.run();
            assertTrue(Thread.interrupted(), "whoever interrupted finds the thread so");
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(ends, result.step());
            assertEquals(stopped.resolve("checkpoint-" + ends), result.checkpoint());
        }
    }

    private void goesOn() throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, TinyRun.counting(12, 2))) {
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        }
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, LAST);
    }
}
