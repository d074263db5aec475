package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.data.ImageBatch;
import org.loft4j.io.Json;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** NaN and infinity, in the batch and in the loss. Those in a gradient: {@link TrainerTest}. */
class NotFiniteTest {
    private static final TrainConfig CONFIG =
            TrainConfig.builder(Method.FULL).learningRate(1e-2).build();

    @TempDir
    Path directory;

    private Model model;
    private Trainable trainable;
    private Trainer trainer;

    @BeforeEach
    void aModelOfImages() throws IOException {
        Json.write(
                directory.resolve("config.json"),
                Map.of(
                        "model_type", "vit",
                        "hidden_size", 16,
                        "num_hidden_layers", 1,
                        "num_attention_heads", 2,
                        "intermediate_size", 32,
                        "image_size", 8,
                        "patch_size", 4,
                        "num_channels", 1));
        ModelOptions options = ModelOptions.of(Task.IMAGE_CLASSIFICATION).withSeed(3);
        model = Models.initialise(directory, options);
        trainable = Trainable.create(model, null, CONFIG);
        trainer = new Trainer(model, trainable, CONFIG, 10);
    }

    @AfterEach
    void close() {
        trainable.close();
        model.close();
    }

    private static ImageBatch batch(float pixel) {
        float[] pixels = new float[2 * 64];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) Math.sin(i);
        }
        pixels[100] = pixel;
        return new ImageBatch(2, 1, 8, 8, pixels, new long[] {0, 1});
    }

    private Path saved(String name) throws IOException {
        Path to = Files.createDirectories(directory.resolve(name));
        trainable.save(to);
        trainable.saveOptimizer(to);
        return to;
    }

    private void assertSkipped(StepResult step, Path before) throws IOException {
        assertTrue(step.report().skipped());
        Path after = saved("after");
        for (String file : List.of("model.safetensors", Trainable.OPTIMIZER)) {
            assertEquals(TinyRun.bits(before.resolve(file)), TinyRun.bits(after.resolve(file)), file);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void aBatchWithOneBadPixelChangesNothingAndIsNamed(float bad) throws IOException {
        assertFalse(trainer.step(List.of(batch(0.5f)), 0).report().skipped());
        Path before = saved("before");
        List<ImageBatch> batches = List.of(batch(0.5f), batch(bad));
        assertSkipped(trainer.step(batches, 1), before);
        assertEquals(
                "a pixel of image 2 of batch 2 is " + bad
                        + ": look at the data and at image_std of preprocessor_config.json",
                BadPixels.in(batches));
        assertNull(BadPixels.in(List.of(batch(0.5f))));
        assertFalse(trainer.step(List.of(batch(0.5f)), 2).report().skipped());
    }

    @Test
    void anInfiniteLossWithFiniteGradientsChangesNothing() throws IOException {
        trainer.step(List.of(batch(0.5f)), 0);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            model.weights().get("classifier.bias").copy_(Tensors.of(new double[] {Double.NEGATIVE_INFINITY, 0}, 2));
        }
        Path before = saved("before");
        StepResult step = trainer.step(List.of(batch(0.5f)), 1);
        assertEquals(Double.POSITIVE_INFINITY, step.loss());
        assertSkipped(step, before);
    }
}
