package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.NativeScope;

class DivergenceEndToEndTest {
    private static final int BROKEN_AT = 60;

    @TempDir
    Path directory;

    private TrainResult result;

    private static TrainConfig.Builder config() {
        return TinyRun.config(Method.LORA)
                .gradientAccumulationSteps(1)
                .maxSteps(240)
                .schedule(Schedule.Kind.CONSTANT)
                .learningRate(1e-3)
                .loggingSteps(20)
                .evalSteps(20)
                .saveSteps(5)
                .loadBestAtEnd(false)
                .saveTotalLimit(1);
    }

    /** After 60 steps someone multiplies the logits: a loss that a small learning rate does not bring back. */
    @BeforeEach
    void aRunThatDiverges() throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config().build(), directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == BROKEN_AT) {
                        try (NativeScope scope = new NativeScope();
                                AutoGradMode frozen = new AutoGradMode(false)) {
                            model.weights().get("model.norm.weight").mul_(new Scalar(20.0));
                        }
                    }
                }
            });
            result = run.run();
        }
    }

    @Test
    void itEndsAndSaysSinceWhenAndWhereItWasStillWell() throws IOException {
        assertEquals(TrainResult.Outcome.DIVERGED, result.outcome());
        Divergence divergence = Objects.requireNonNull(result.divergence());
        long since = divergence.since();
        assertTrue(since > BROKEN_AT && since <= BROKEN_AT + 10, divergence.toString());
        assertEquals(since + 49, result.step());
        assertTrue(divergence.loss() > 2 * divergence.best(), divergence.toString());
        // the limit is 1, and yet the last one from before is there beside the best and the newest
        Path good = Objects.requireNonNull(divergence.lastGood());
        assertEquals(directory.resolve("checkpoint-" + BROKEN_AT), good);
        assertTrue(new Checkpoints(directory).steps().size() <= 3);
        Checkpoints.verify(good);
        assertTrue(
                result.summary()
                        .endsWith(good + " is from before that: resume with a lower learning rate to go on from there"),
                result.summary());
        assertFalse(Files.exists(directory.resolve("adapter_model.safetensors")));
    }

    @Test
    void withTheSameSettingsItIsNotResumed() {
        String message = assertThrows(
                        ConfigException.class, () -> TinyRun.train(config().build(), directory, OnExisting.RESUME))
                .getMessage();
        assertTrue(message.contains("resume with a lower learning_rate"), message);
        TrainConfig other = config().learningRate(3e-4).batchSize(2).build();
        message = assertThrows(ConfigException.class, () -> TinyRun.train(other, directory, OnExisting.RESUME))
                .getMessage();
        assertTrue(message.contains("per_device_train_batch_size was 8 and is now 2"), message);
        assertFalse(message.contains("learning_rate was"), message);
    }

    @Test
    void withALowerRateItGoesOnFromBeforeAndNothingIsLost() throws IOException {
        Path good = Objects.requireNonNull(
                Objects.requireNonNull(result.divergence()).lastGood());
        long goodStep = Long.parseLong(good.getFileName().toString().substring("checkpoint-".length()));
        TrainConfig lower = config().learningRate(3e-4).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, lower, directory, OnExisting.RESUME)) {
            assertEquals(goodStep, run.step());
            assertTrue(Files.exists(directory.resolve("checkpoint-" + result.step() + ".set-aside-1")));
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == goodStep + 7) {
                        run.requestStop();
                    }
                }
            });
            assertEquals(TrainResult.Outcome.INTERRUPTED, run.run().outcome());
        }
        assertFalse(Files.exists(directory.resolve(RunState.FILE)));
        TrainResult end = TinyRun.train(lower, directory, OnExisting.RESUME);
        assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
    }

    @Test
    void askedToItGoesOnRegardlessFromWhereItWas() throws IOException {
        TrainConfig regardless = config().divergenceFactor(0).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, regardless, directory, OnExisting.RESUME)) {
            assertEquals(result.step(), run.step());
            TrainResult end = run.run();
            assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
            assertNotNull(end.lastEvaluation().get("loss"));
        }
    }
}
