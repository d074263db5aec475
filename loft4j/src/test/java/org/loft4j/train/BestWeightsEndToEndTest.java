package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.optim.Schedule;

/** What becomes of the best weights of a run that first learns and then destroys. */
class BestWeightsEndToEndTest {
    @TempDir
    Path directory;

    private static TrainConfig.Builder config() {
        return TinyRun.config(Method.LORA)
                .epochs(40)
                .schedule(Schedule.Kind.CONSTANT)
                .learningRate(0.4)
                .evalSteps(2)
                .earlyStoppingPatience(4)
                .saveInBackground(false);
    }

    private String bestCheckpoint() throws IOException {
        return Json.read(directory.resolve(RunState.FILE)).findString("best_model_checkpoint");
    }

    @Test
    void theLimitSparesThemWhereTheRunEndsWithTheLastOnes() throws IOException {
        TrainConfig config = config().loadBestAtEnd(false).saveTotalLimit(1).build();
        TrainResult result = TinyRun.train(config, directory, OnExisting.REFUSE);
        assertNotEquals(result.bestStep(), result.resultStep());
        assertEquals(result.step(), result.resultStep());
        assertEquals(List.of(result.bestStep(), result.step()), new Checkpoints(directory).steps());
        assertEquals("checkpoint-" + result.bestStep(), bestCheckpoint());
    }

    @Test
    void aBestCheckpointThatWasNeverWrittenIsNotNamed() throws IOException {
        TrainConfig config = config().loadBestAtEnd(false).saveSteps(1000).build();
        TrainResult result = TinyRun.train(config, directory, OnExisting.REFUSE);
        assertEquals(List.of(result.step()), new Checkpoints(directory).steps());
        assertTrue(result.bestStep() > 0);
        assertNull(bestCheckpoint());
    }

    @Test
    void whereTheyAreLostTheScoresAreThoseOfTheLastOnes() throws IOException {
        TrainListener damage = new TrainListener() {
            private long best;

            @Override
            public void onEvaluation(long step, Evaluation evaluation, boolean isBest) {
                if (isBest) {
                    best = step;
                    return;
                }
                try {
                    Files.writeString(directory.resolve("checkpoint-" + best).resolve("adapter_config.json"), "{}");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        };
        TrainResult result = TinyRun.train(config().build(), directory, OnExisting.REFUSE, damage);
        assertEquals(TrainResult.Outcome.STOPPED_EARLY, result.outcome());
        assertEquals(result.bestStep() + 8, result.resultStep());
        String card = Files.readString(directory.resolve("README.md"));
        assertTrue(card.contains(row(result.lastEvaluation().get("loss"))), card);
        assertFalse(card.contains(row(result.bestEvaluation().get("loss"))), card);
        // who asks again hears the same
        TrainResult again = TinyRun.train(config().build(), directory, OnExisting.RESUME);
        assertEquals(result.resultStep(), again.resultStep());
    }

    /** As a fold that is held out, with no rows of a test beside it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theRowsThatChoseAreJudgedOnceByTheSameWeights(boolean bestAtEnd) throws IOException {
        AtomicInteger batches = new AtomicInteger();
        OverheardExamples held = new OverheardExamples(TinyRun.counting(12, 2), () -> {}, batches::incrementAndGet);
        TrainData data = new TrainData(TinyRun.counting(50, 1), held, 0, 16);
        TrainConfig config = config().loadBestAtEnd(bestAtEnd).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data, config, TinyRun.lora(), directory, OnExisting.REFUSE)) {
            TrainResult result = run.run();
            assertNotEquals(result.bestStep(), result.step());
            int inRun = batches.get();
            Evaluation known = Objects.requireNonNull(run.test(held, () -> false));
            assertEquals(bestAtEnd, batches.get() > inRun, "the best weights are others than the last");
            assertEquals(bestAtEnd ? result.bestEvaluation() : result.lastEvaluation(), known.values());
            int soFar = batches.get();
            OverheardExamples others =
                    new OverheardExamples(TinyRun.counting(12, 3), () -> {}, batches::incrementAndGet);
            assertNotEquals(known, run.test(others, () -> false));
            assertTrue(batches.get() > soFar);
        }
    }

    /** Whoever opens it again, to predict with it say, has what it learnt. */
    @Test
    void aFinishedRunLeavesItsResultInTheModel() throws IOException {
        TrainResult first = TinyRun.train(config().build(), directory, OnExisting.REFUSE);
        assertEquals(first.bestStep(), first.resultStep());
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config().build(), directory, OnExisting.RESUME)) {
            assertEquals(first.resultStep(), run.run().resultStep());
            Evaluation now = new Evaluator(model, 0, 16).evaluate(TinyRun.counting(12, 2));
            assertEquals(first.bestEvaluation().get("loss"), now.loss());
        }
    }

    private static String row(double loss) {
        return String.format(Locale.ROOT, "| loss | %.4f |", loss);
    }
}
