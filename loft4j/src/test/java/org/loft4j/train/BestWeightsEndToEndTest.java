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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;
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

    private static String row(double loss) {
        return String.format(Locale.ROOT, "| loss | %.4f |", loss);
    }
}
