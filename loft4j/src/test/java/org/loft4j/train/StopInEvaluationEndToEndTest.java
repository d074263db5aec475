package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.NativeMemoryException;
import org.loft4j.data.Examples;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;

/** A stop that is asked for while held-out rows are judged, or a fault there, waits for none of them, and costs the run none. */
class StopInEvaluationEndToEndTest {
    private static final TrainConfig CONFIG =
            TinyRun.config(Method.LOFT).evalBatchSize(4).build();
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

    /** Three batches of four rows; as the second is collected, something may happen. */
    private static final class HeldOut {
        private final Examples rows = new OverheardExamples(TinyRun.counting(12, 2), () -> {}, this::hear);
        private Runnable atSecond = () -> {};
        private int batches;

        private void hear() {
            batches++;
            if (batches % 3 == 2) {
                atSecond.run();
            }
        }
    }

    /** Goes on until the evaluation after a step. */
    private void stopInEvaluationAfter(long step) throws IOException {
        HeldOut heldOut = new HeldOut();
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, heldOut, CONFIG)) {
            heldOut.atSecond = () -> {
                if (run.step() == step) {
                    run.requestStop();
                }
            };
            TrainResult result = run.run();
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(step, result.step());
            assertEquals(stopped.resolve("checkpoint-" + step), result.checkpoint());
            assertEquals(2, heldOut.batches % 3, "the third batch was judged");
            assertTrue(run.evaluationPending());
        }
        assertEquals(step, lastEvaluated() + 4, "it was told of");
        JsonObject about = Json.read(stopped.resolve(RunAbout.FILE));
        assertTrue(about.booleanOr("evaluation_pending", false));
        // by which a watcher finds the process
        String mark = RunAbout.processMark(ProcessHandle.current().pid());
        assertEquals(mark, about.toTree().path("process_mark").asText(null));
    }

    private TrainingRun open(Model model, HeldOut heldOut, TrainConfig config) throws IOException {
        TrainData data = new TrainData(TinyRun.counting(50, 1), heldOut.rows, 0, 16);
        return TrainingRun.open(model, data, config, TinyRun.lora(), stopped, OnExisting.RESUME);
    }

    private long lastEvaluated() throws IOException {
        List<String> lines = TrainingRunEndToEndTest.timeless(stopped);
        return 4L * lines.stream().filter(line -> line.contains("eval_loss")).count();
    }

    /** The steps of all values that TensorBoard finds under a name. */
    private List<Long> stepsOnBoard(String tag) throws IOException {
        List<Long> steps = new ArrayList<>();
        try (Stream<Path> files = Files.list(stopped.resolve(RunOutput.EVENTS))) {
            for (Path file : files.toList()) {
                TensorBoardWriterTest.read(file).stream()
                        .filter(event -> event.tag.equals(tag))
                        .forEach(event -> steps.add(event.step));
            }
        }
        return steps.stream().sorted().toList();
    }

    private void dieAt(long step) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, new HeldOut(), CONFIG)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == step) {
                        throw new UncheckedIOException(new IOException("as if killed"));
                    }
                }
            });
            assertThrows(UncheckedIOException.class, run::run);
        }
    }

    @Test
    void itIsMadeWhenTheRunGoesOnWhichEndsBitForBitWhereItWouldHaveEnded() throws IOException {
        stopInEvaluationAfter(4);
        stopInEvaluationAfter(4);
        stopInEvaluationAfter(12);
        // the evaluation has been told of, and the checkpoint that says so was never written
        dieAt(13);
        assertEquals(12, lastEvaluated());
        stopInEvaluationAfter(LAST);
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, new HeldOut(), CONFIG)) {
            assertEquals(LAST, run.step());
            TrainResult end = run.run();
            assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
            assertFalse(run.evaluationPending());
            assertFalse(end.lastEvaluation().isEmpty());
        }
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, LAST);
        try (Stream<Path> entries = Files.list(stopped)) {
            assertTrue(entries.noneMatch(path -> path.toString().contains("set-aside")), "none is written twice");
        }
        assertEquals(List.of(4L, 8L, 12L, 16L, 20L, 24L), stepsOnBoard("eval/loss"), "TensorBoard shows each once");
    }

    @Test
    void itIsSeenToGoOn() throws IOException {
        List<String> seen = new ArrayList<>();
        TinyRun.train(CONFIG, stopped, OnExisting.REFUSE, new TrainListener() {
            @Override
            public void onEvaluationProgress(long step, int done, int all) {
                seen.add(step + ": " + done + "/" + all);
            }
        });
        assertEquals(List.of("4: 0/12", "4: 4/12", "4: 8/12", "8: 0/12"), seen.subList(0, 4));
    }

    /** With a default's saves the last one may be hours old. */
    @Test
    void aFaultInItCostsTheStepsBeforeItNothing() throws IOException {
        TrainConfig saving =
                TinyRun.config(Method.LOFT).evalBatchSize(4).saveSteps(100).build();
        assertEquals("gone", fault(saving, 4, new IllegalStateException("gone")).getMessage());
        assertEquals(stopped.resolve("checkpoint-4"), new Checkpoints(stopped).newest());
        assertEquals(0, lastEvaluated());
        // the evaluation that is made again finds no memory
        Throwable full = fault(CONFIG, 4, new OutOfMemoryError("CUDA out of memory"));
        assertInstanceOf(NativeMemoryException.class, full);
        String said = String.valueOf(full.getMessage());
        assertTrue(said.startsWith("out of memory in the evaluation after step 4: "), said);
        assertTrue(said.contains("a smaller --eval-batch-size (may be set on resume)"), said);
        assertTrue(said.endsWith(stopped.resolve("checkpoint-4") + " is complete and stays"), said);
        assertEquals(List.of(4L), new Checkpoints(stopped).steps(), "none is written twice");
        // as the message says; of other batches the sums are rounded otherwise
        TrainConfig smaller =
                TinyRun.config(Method.LOFT).evalBatchSize(2).saveSteps(2).build();
        assertEquals(
                "gone", fault(smaller, 24, new IllegalStateException("gone")).getMessage());
        assertEquals(20, lastEvaluated());
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, new HeldOut(), CONFIG)) {
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        }
        for (String file : List.of("adapter_model.safetensors", "checkpoint-24/" + Trainable.OPTIMIZER)) {
            assertEquals(TinyRun.bits(whole.resolve(file)), TinyRun.bits(stopped.resolve(file)), file);
        }
    }

    /** What ends a run whose held-out rows cannot be collected after a step. */
    private Throwable fault(TrainConfig config, long step, Throwable fault) throws IOException {
        HeldOut heldOut = new HeldOut();
        try (Model model = TinyRun.model();
                TrainingRun run = open(model, heldOut, config)) {
            heldOut.atSecond = () -> {
                if (run.step() == step) {
                    throwAny(fault);
                }
            };
            return assertThrows(Throwable.class, run::run);
        }
    }

    private static void throwAny(Throwable fault) {
        if (fault instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) fault;
    }
}
