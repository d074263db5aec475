package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

/** A run that is given up for steps without a finite gradient, and goes on regardless. */
class SkippedStepsEndToEndTest {
    private static final int BROKEN_AT = 10;
    private static final int GIVEN_UP_AT = BROKEN_AT + 100;
    private static final int MENDED_AT = GIVEN_UP_AT + 5;
    private static final int STEPS = MENDED_AT + 5;

    @TempDir
    Path directory;

    private static TrainConfig.Builder config() {
        return TinyRun.config(Method.LORA)
                .gradientAccumulationSteps(1)
                .maxSteps(STEPS)
                .evalSteps(STEPS)
                .saveSteps(STEPS);
    }

    /** A frozen weight is not a number from the step on at which it breaks to the one at which it is mended. */
    private static TrainResult train(TrainConfig config, Path directory, OnExisting onExisting) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, onExisting)) {
            if (run.step() >= BROKEN_AT) {
                set(model, Double.NaN);
            }
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == BROKEN_AT || event.step() == MENDED_AT) {
                        set(model, event.step() == BROKEN_AT ? Double.NaN : 1);
                    }
                }
            });
            return run.run();
        }
    }

    private static void set(Model model, double value) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            model.weights().get("model.norm.weight").fill_(new Scalar(value));
        }
    }

    /** An update makes weights with which no step is finite; they are saved, and are no way back. */
    @Test
    void withALowerRateItGoesOnFromBeforeTheWeightsBroke() throws IOException {
        TrainConfig.Builder config = config().saveSteps(1).saveTotalLimit(2).loadBestAtEnd(false);
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config.build(), directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == BROKEN_AT) {
                        breakAdapter(run.trainable());
                    }
                }
            });
            TrainResult result = run.run();
            assertEquals(GIVEN_UP_AT, result.step());
            assertEquals(
                    directory.resolve("checkpoint-" + (BROKEN_AT - 1)),
                    Objects.requireNonNull(result.divergence()).lastGood());
        }
        TrainResult end = TinyRun.train(config.learningRate(1e-4).build(), directory, OnExisting.RESUME);
        assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
        assertEquals(0, end.skippedSteps());
    }

    private static void breakAdapter(Trainable trainable) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Objects.requireNonNull(trainable.adapter())
                    .layers()
                    .values()
                    .forEach(layer -> layer.loraB().fill_(new Scalar(1e38)));
        }
    }

    @Test
    void itGoesOnRegardlessForMoreThanAStep() throws IOException {
        TrainResult result = train(config().build(), directory, OnExisting.REFUSE);
        assertEquals(TrainResult.Outcome.DIVERGED, result.outcome());
        assertEquals(GIVEN_UP_AT, result.step());
        assertTrue(Objects.requireNonNull(result.divergence()).bySkipping());
        String message = assertThrows(
                        ConfigException.class, () -> train(config().build(), directory, OnExisting.RESUME))
                .getMessage();
        assertTrue(message.contains("resume with a lower learning_rate"), message);
        assertFalse(message.contains("divergence_factor"), message);
        TrainResult end = train(config().divergenceFactor(0).build(), directory, OnExisting.RESUME);
        assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
        assertEquals(MENDED_AT - BROKEN_AT, end.skippedSteps());
    }
}
