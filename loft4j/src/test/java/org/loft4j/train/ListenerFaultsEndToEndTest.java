package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.Model;

/** What a listener throws ends a run, and costs none of its steps. */
class ListenerFaultsEndToEndTest {
    private static final int LAST = 24;

    private static final TrainConfig CONFIG = TinyRun.config(Method.LOFT)
            .diagnosticsSteps(1)
            .saveSteps(24)
            .saveInBackground(false)
            .build();

    @TempDir
    Path directory;

    private Path whole;
    private Path broken;

    private enum Event {
        STEP,
        DIAGNOSTICS,
        PROGRESS,
        EVALUATION,
        SAVE,
        END
    }

    /** Throws once, when it hears of the event at the step or later. */
    private static final class Throwing implements TrainListener {
        private final Event event;
        private final long step;
        private final Throwable fault;
        private final List<String> heard = new ArrayList<>();
        private long at;

        Throwing(Event event, long step, Throwable fault) {
            this.event = event;
            this.step = step;
            this.fault = fault;
        }

        private void hear(Event now, long atStep) {
            heard.add(now + " " + atStep);
            if (at == 0 && now == event && atStep >= step) {
                at = atStep;
                throw Throwing.<RuntimeException>unchecked(fault);
            }
        }

        @SuppressWarnings("unchecked")
        private static <E extends Throwable> E unchecked(Throwable fault) throws E {
            throw (E) fault;
        }

        @Override
        public void onStep(StepEvent now) {
            hear(Event.STEP, now.step());
        }

        @Override
        public void onDiagnostics(long now, List<LayerDiagnostics> layers) {
            hear(Event.DIAGNOSTICS, now);
        }

        @Override
        public void onEvaluationProgress(long now, int done, int all) {
            hear(Event.PROGRESS, now);
        }

        @Override
        public void onEvaluation(long now, Evaluation evaluation, boolean best) {
            hear(Event.EVALUATION, now);
        }

        @Override
        public void onSave(long now, Path checkpoint) {
            hear(Event.SAVE, now);
        }

        @Override
        public void onEnd() {
            hear(Event.END, Long.MAX_VALUE);
        }
    }

    @BeforeEach
    void anUndisturbedRun() throws IOException {
        whole = directory.resolve("whole");
        broken = directory.resolve("broken");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
    }

    private void fail(Throwing listener) {
        assertSame(
                listener.fault,
                assertThrows(Throwable.class, () -> TinyRun.train(CONFIG, broken, OnExisting.RESUME, listener)));
    }

    @Test
    void theRunIsSavedBehindTheStepAndGoesOnToTheSameEnd() throws IOException {
        // an evaluation, which may be the best and then is saved, comes after every fourth step
        Throwing[] listeners = {
            new Throwing(Event.STEP, 2, new IllegalStateException("step")),
            new Throwing(Event.STEP, 4, new AssertionError("evaluated")),
            new Throwing(Event.DIAGNOSTICS, 7, new IllegalStateException("diagnostics")),
            new Throwing(Event.PROGRESS, 8, new IllegalStateException("progress")),
            new Throwing(Event.EVALUATION, 12, new IllegalStateException("evaluation")),
            new Throwing(Event.SAVE, 13, new IllegalStateException("save")),
            // as one in Kotlin does
            new Throwing(Event.STEP, 18, new IOException("checked")),
        };
        for (Throwing listener : listeners) {
            fail(listener);
            long behind = listener.event == Event.SAVE ? listener.at + 1 : listener.step;
            assertEquals(broken.resolve("checkpoint-" + behind), new Checkpoints(broken).newest());
            assertTrue(listener.heard.contains("SAVE " + behind), listener.heard.toString());
            assertEquals("END " + Long.MAX_VALUE, listener.heard.get(listener.heard.size() - 1));
        }
        fail(new Throwing(Event.END, LAST, new IllegalStateException("end")));
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, broken, LAST);
    }

    /** As that of the samples, whose file shall lack none. */
    @Test
    void oneThatCannotWriteHearsOfItsStepAgain() throws IOException {
        fail(new Throwing(Event.STEP, 7, new UncheckedIOException(new IOException("full"))));
        assertEquals(broken.resolve("checkpoint-4"), new Checkpoints(broken).newest());
        // the evaluation behind the last step is left for the run that goes on
        Throwing again = new Throwing(Event.STEP, LAST, new IllegalStateException("at the last step"));
        fail(again);
        assertEquals("STEP 5", again.heard.get(0));
        TinyRun.train(CONFIG, broken, OnExisting.RESUME);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, broken, LAST);
    }

    @Test
    void oneOfThemMayBringAnother() throws IOException {
        List<Long> heard = new ArrayList<>();
        Path more = directory.resolve("more");
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, CONFIG, more, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent now) {
                    if (now.step() == 4) {
                        run.addListener(new TrainListener() {
                            @Override
                            public void onStep(StepEvent later) {
                                heard.add(later.step());
                            }
                        });
                    }
                }
            });
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        }
        assertEquals(LongStream.rangeClosed(5, LAST).boxed().toList(), heard);
    }

    /** A mistake of a program's: of what then fails it is told why. */
    @Test
    void aModelThatIsClosedMeanwhileIsNamed() throws IOException {
        Path closed = directory.resolve("closed");
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, CONFIG, closed, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent now) {
                    model.close();
                }
            });
            String told = assertThrows(IllegalStateException.class, run::run).getMessage();
            assertTrue(told.startsWith("the model was closed while it was being trained"), told);
        }
    }
}
