package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.ShapeException;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Which size images get for a model. */
class ModelImagesTest {
    @TempDir
    Path folder;

    private Path cropping(int side) throws IOException {
        Files.writeString(
                folder.resolve("preprocessor_config.json"),
                "{\"image_processor_type\": \"BitImageProcessor\", \"crop_size\": " + side + "}");
        return folder;
    }

    private static Model open(String fixture) throws IOException {
        Path directory = Fixture.directory(fixture);
        return Models.open(directory, ModelOptions.of(Models.defaultTask(directory)));
    }

    @Test
    void dinov2TakesTheSizeOfTheProcessor() throws IOException {
        try (Model model = open("dinov2_registers")) {
            assertEquals(
                    new ImageShape(3, 16, 16), ModelImages.of(model, folder).shape());
            assertEquals(
                    new ImageShape(3, 22, 22),
                    ModelImages.of(model, cropping(22)).shape());
            // the class, three registers, 5×5 patches of 4×4
            assertEquals(29, model.imageStates(new ImageShape(3, 22, 22)));
            assertEquals(0, model.imageStates(new ImageShape(3, 22, 3)));
            assertEquals(0, model.imageStates(new ImageShape(1, 22, 22)));
            refused("makes images of 3×3, which are smaller than one patch of the model", model, 3);
        }
    }

    @Test
    void vitHasOneSize() throws IOException {
        try (Model model = open("deit")) {
            assertEquals(18, model.imageStates(new ImageShape(3, 16, 16)));
            assertEquals(0, model.imageStates(new ImageShape(3, 20, 20)));
            refused("makes images of 20×20, but the model reads 16×16", model, 20);
        }
        try (Model model = open("bert_cls")) {
            refused("images need a model that reads them, got model_type bert", model, 16);
        }
    }

    @Test
    void anImageWithoutAPatchIsRefused() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open("dinov2")) {
            ImageInput thin = new ImageInput(Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, 3, 3, 16));
            String fault =
                    assertThrows(ShapeException.class, () -> model.logits(thin)).getMessage();
            assertTrue(fault.startsWith("pixel_values must be as large as a patch at least"), fault);
        }
    }

    @Test
    void aFileThatDoesNotFitIsNamed() throws IOException {
        Path file = folder.resolve("small.png");
        ImageIO.write(new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB), "png", file.toFile());
        Files.writeString(
                folder.resolve("preprocessor_config.json"),
                "{\"do_resize\": false, \"do_center_crop\": true, \"crop_size\": 16}");
        try (Model model = open("dinov2")) {
            ModelImages prepared = ModelImages.of(model, folder);
            String fault = assertThrows(DataException.class, () -> prepared.read(List.of(file), DeviceSpec.CPU))
                    .getMessage();
            assertTrue(fault.contains("small.png: has 8×8 pixels, into which crop_size 16×16 does not fit"), fault);
        }
    }

    private void refused(String words, Model model, int side) throws IOException {
        Path directory = cropping(side);
        String fault = assertThrows(ConfigException.class, () -> ModelImages.of(model, directory))
                .getMessage();
        assertTrue(fault.contains(words), fault);
    }
}
