package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.image.Augmentation;
import org.loft4j.data.image.ImageProcessor;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Images of several labels each: loss and gradient against Transformers, and what data and settings must be. */
class MultiLabelImagesTest {
    private static final List<String> LABELS = List.of("x", "y", "z");

    @TempDir
    Path folder;

    private static Model model(boolean several) throws IOException {
        return Models.open(
                Fixture.directory("dinov2_swiglu"),
                ModelOptions.of(Task.IMAGE_CLASSIFICATION).withLabels(LABELS).withMultiLabel(several));
    }

    private List<Path> files(int count) throws IOException {
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Path file = folder.resolve(i + ".png");
            ImageIO.write(new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY), "png", file.toFile());
            files.add(file);
        }
        return files;
    }

    private ImageDataset data(List<List<String>> labels) throws IOException {
        return dataset(LabeledImages.ofSeveral(folder, files(labels.size()), labels));
    }

    private static ImageDataset dataset(LabeledImages images) throws IOException {
        return new ImageDataset(
                images,
                Labels.ofNames(LABELS),
                new ImageDataset.Shape(1, 16, 16),
                ImageProcessor.plain(1, 16, 16),
                Augmentation.NONE);
    }

    @Test
    void lossAndGradientAreThoseOfTransformers() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("dinov2_swiglu");
                Model model = model(true)) {
            Tensor pixels = ((ImageInput) fixture.modelInput()).pixelValues();
            float[] has = Tensors.toFloats(fixture.expected("several.labels"));
            ImageBatch batch = new ImageBatch(2, 1, 16, 16, Tensors.toFloats(pixels.flatten()), new long[0], has);
            BatchTensors tensors = BatchTensors.of(batch, model);
            Tensor classifier = model.head().weight();
            classifier.set_requires_grad(true);
            Tensor mean = BatchLoss.sum(model.task(), model.logits(tensors.input()), tensors)
                    .div(Tensors.of(new float[] {2}, 1).squeeze());
            assertEquals(Fixture.scalar(fixture.expected("several.loss")), Fixture.scalar(mean), 1e-6);
            mean.backward();
            Fixture.assertClose(fixture.expected("several.grad.classifier.weight"), classifier.grad(), null, 1e-6);
        }
    }

    @Test
    void anImageHasWhatTheTableSays() throws IOException {
        ImageDataset data = data(List.of(List.of("z", "x", "z"), List.of(), List.of("y")));
        assertTrue(data.isMultiLabel());
        ImageBatch batch = data.batch(new int[] {2, 0, 1}, 0);
        assertArrayEquals(new float[] {0, 1, 0, 1, 0, 1, 0, 0, 0}, batch.scores());
        assertEquals(0, batch.labels().length);
        assertEquals(data(List.of(List.of("x", "z"), List.of(), List.of("y"))).fingerprint(), data.fingerprint());
        String other = data(List.of(List.of("x"), List.of("z"), List.of("y"))).fingerprint();
        assertTrue(!other.equals(data.fingerprint()), other);
        DataException unknown = assertThrows(DataException.class, () -> data(List.of(List.of("w"))));
        assertTrue(unknown.getMessage().contains("label \"w\" is unknown"), unknown.getMessage());
    }

    @Test
    void labelsThatNoImageHasAreAmongThoseThatTheTableDeclares() throws IOException {
        Path file = folder.resolve("0.png");
        ImageIO.write(new BufferedImage(4, 4, BufferedImage.TYPE_BYTE_GRAY), "png", file.toFile());
        LabeledImages images = LabeledImages.ofSeveral(folder, List.of(file, file), List.of(List.of("x"), List.of()));
        assertEquals(
                List.of("z", "x", "y"),
                Labels.of(images, List.of("z", "x", "y"), List.of(), folder).names());
        assertEquals(LABELS, Labels.of(images, List.of(), LABELS, folder).names());
        assertThrows(DataException.class, () -> Labels.of(images, folder));
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        ImageDataset data = data(List.of(List.of("z", "x"), List.of(), List.of("y")));
        ImageDataset none = data(List.of(List.of(), List.of()));
        try (Model several = model(true);
                Model one = model(false)) {
            Evaluator.requireFits(several, data, "test");
            assertEquals(
                    "in the test data an image has several labels, and the model was opened for one",
                    fault(() -> Evaluator.requireFits(one, data, "test")));
            assertTrue(fault(() -> BatchTensors.of(data.batch(new int[] {0}, 0), one))
                    .startsWith("the batch has several labels an image"));
            TrainConfig byF1 =
                    TrainConfig.builder(Method.FULL).metricForBest("micro_f1").build();
            RunCheck.check(several, new TrainData(data, data, 0, 1), byF1);
            assertTrue(fault(() -> RunCheck.check(several, new TrainData(data, none, 0, 1), byF1))
                    .startsWith("the metric micro_f1, which is to choose the best, needs an image that has a label"));
            // of two without y there is one with it; of one without x one with it
            assertEquals(
                    List.of(2.0, 2.0, 2.0),
                    List.copyOf(
                            ClassWeights.BALANCED.counted(several, data).named().values()));
        }
    }

    /** x three times, z once, y never: n / (k·n_c) with n = 4 and k = 2. */
    @Test
    void imagesOfOneClassEachAreCountedToo() throws IOException {
        ImageDataset data = dataset(LabeledImages.of(folder, files(4), List.of("x", "x", "z", "x")));
        try (Model one = model(false)) {
            assertEquals(
                    Map.of("x", 2.0 / 3, "y", 1.0, "z", 2.0),
                    ClassWeights.BALANCED.counted(one, data).named());
        }
    }

    private interface Refused {
        void run() throws IOException;
    }

    private static String fault(Refused action) {
        return assertThrows(ConfigException.class, action::run).getMessage();
    }
}
