package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.image.Augmentation;
import org.loft4j.data.image.ImageProcessor;
import org.loft4j.data.image.ImageProcessor.Resize;
import org.loft4j.data.image.ImageProcessor.Size;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.data.image.Resampling;

class ImageDatasetTest {
    private static final int[] ALL = {0, 1, 2, 3};

    @TempDir
    Path folder;

    private LabeledImages images;

    @BeforeEach
    void fourImagesOfTwoClasses() throws IOException {
        byte[] pixels = new byte[4 * 64];
        new SplittableRandom(1).nextBytes(pixels);
        ByteBuffer file = ByteBuffer.allocate(16 + pixels.length)
                .putInt(0x803)
                .putInt(4)
                .putInt(8)
                .putInt(8);
        Files.write(folder.resolve("images-idx3-ubyte"), file.put(pixels).array());
        Files.write(folder.resolve("labels-idx1-ubyte"), new byte[] {0, 0, 8, 1, 0, 0, 0, 4, 3, 5, 5, 3});
        images = LabeledImages.read(folder.resolve("images-idx3-ubyte"));
    }

    @Test
    void aBatchHoldsTheClassesAndTheNormalisedPixels() throws IOException {
        ImageBatch batch = dataset("none").batch(new int[] {1, 3}, 0);
        assertArrayEquals(new long[] {1, 0}, batch.labels());
        assertEquals(2 * 64, batch.pixels().length);
        byte[] third = images.read(3).values();
        for (int i = 0; i < 64; i++) {
            assertEquals(((third[i] & 0xff) / 255.0 - 0.5) / 0.5, batch.pixels()[64 + i], 1e-6);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"flip", "shift", "crop", "crop,flip,shift"})
    void changesByChanceAreAFunctionOfSeedEpochAndImage(String augmentation) throws IOException {
        ImageDataset data = dataset(augmentation);
        float[] first = data.trainingBatch(ALL, 0, 7, 1).pixels();
        assertArrayEquals(first, data.trainingBatch(ALL, 0, 7, 1).pixels());
        // an image does not depend on those beside it
        float[] alone = data.trainingBatch(new int[] {2}, 0, 7, 1).pixels();
        assertArrayEquals(Arrays.copyOfRange(first, 128, 192), alone);
        boolean differs = false;
        for (int epoch = 2; epoch < 10; epoch++) {
            differs |=
                    !Arrays.equals(first, data.trainingBatch(ALL, 0, 7, epoch).pixels());
        }
        assertTrue(differs, "another epoch draws anew");
        assertArrayEquals(
                dataset("none").batch(ALL, 0).pixels(), data.batch(ALL, 0).pixels(), "evaluation is left alone");
    }

    @Test
    void theFingerprintTellsImagesAndSettings() {
        String one = dataset("none").fingerprint();
        assertEquals(one, dataset("none").fingerprint());
        assertNotEquals(one, dataset("flip").fingerprint());
        assertTrue(one.startsWith("4 images, crc32c "), one);
        LabeledImages part = images.select(i -> i > 0);
        assertFalse(Arrays.equals(images.identity(0), part.identity(0)));
        assertArrayEquals(images.identity(1), part.identity(0));
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        assertArrayEquals(
                List.of("3", "5").toArray(), Labels.of(images, folder).names().toArray());
        assertThrows(DataException.class, () -> Labels.of(images.select(i -> i == 1 || i == 2), folder));
        assertThrows(
                DataException.class,
                () -> new ImageDataset(
                        images,
                        Labels.ofNames(List.of("3", "4")),
                        shape(8),
                        ImageProcessor.plain(1, 8, 8),
                        Augmentation.NONE));
        assertThrows(
                ConfigException.class,
                () -> new ImageDataset(
                        images,
                        Labels.ofNames(List.of("3", "5")),
                        shape(9),
                        ImageProcessor.plain(1, 8, 8),
                        Augmentation.NONE));
        assertThrows(ConfigException.class, () -> Augmentation.parse("augment", "rotate"));
        assertThrows(ConfigException.class, () -> Augmentation.parse("augment", "none,flip"));
    }

    private ImageDataset dataset(String augmentation) {
        try {
            return new ImageDataset(
                    images,
                    Labels.ofNames(List.of("3", "5")),
                    shape(8),
                    ImageProcessor.plain(1, 8, 8),
                    Augmentation.parse("augment", augmentation));
        } catch (DataException e) {
            throw new AssertionError(e);
        }
    }

    private static ImageDataset.Shape shape(int side) {
        return new ImageDataset.Shape(1, side, side);
    }

    /** Before the training begins, and where there is none. */
    @Test
    void imagesThatDoNotBecomeWhatTheModelReadsAreToldByName() throws IOException {
        for (String name : List.of("a/1", "a/2", "b/3", "b/4")) {
            Path file = folder.resolve("pictures").resolve(name + ".png");
            Files.createDirectories(file.getParent());
            BufferedImage image = new BufferedImage(name.endsWith("3") ? 12 : 8, 8, BufferedImage.TYPE_BYTE_GRAY);
            ImageIO.write(image, "png", file.toFile());
        }
        LabeledImages pictures = LabeledImages.read(folder.resolve("pictures"));
        Size wide = new Size(8, 12);
        ImageDataset cropped = of(pictures, wide, new ImageProcessor(null, wide, 1, List.of(), List.of()));
        var three = assertThrows(DataException.class, cropped::requireReadable);
        assertTrue(three.getMessage().startsWith("3 of 4 images: cannot be used:"), three.getMessage());
        assertTrue(
                three.getMessage().contains("1.png: has 8×8 pixels, into which crop_size 8×12 does not fit"),
                three.getMessage());
        var inBatch = assertThrows(DataException.class, () -> cropped.trainingBatch(new int[] {0}, 0, 1, 1));
        assertTrue(inBatch.getMessage().contains("1.png: has 8×8 pixels"), inBatch.getMessage());
        ImageProcessor edge =
                new ImageProcessor(new Resize(Resampling.BILINEAR, null, 16), null, 1, List.of(), List.of());
        var one = assertThrows(DataException.class, of(pictures, new Size(16, 16), edge)::requireReadable);
        assertTrue(
                one.getMessage().contains("3.png: has 8×12 pixels, resized 16×24, but the model reads 16×16"),
                one.getMessage());
        ImageProcessor vast =
                new ImageProcessor(new Resize(Resampling.BILINEAR, null, 60000), wide, 1, List.of(), List.of());
        var large = assertThrows(DataException.class, of(pictures, wide, vast)::requireReadable);
        assertTrue(large.getMessage().contains("resized 60000×60000: that is too large"), large.getMessage());
    }

    private static ImageDataset of(LabeledImages pictures, Size size, ImageProcessor processor) throws DataException {
        return new ImageDataset(
                pictures,
                Labels.ofNames(List.of("a", "b")),
                new ImageDataset.Shape(1, size.height(), size.width()),
                processor,
                Augmentation.NONE);
    }

    /** A part of a picture is of other proportions. */
    @Test
    void partsThatGetAnotherSizeAreRefusedBeforeAnyIsDrawn() {
        ImageProcessor silent = new ImageProcessor(null, null, 1, List.of(), List.of());
        var refused = assertThrows(
                ConfigException.class,
                () -> new ImageDataset(
                        images,
                        Labels.ofNames(List.of("3", "5")),
                        shape(8),
                        silent,
                        new Augmentation(true, false, false)));
        assertTrue(refused.getMessage().startsWith("augment crop needs parts of images"), refused.getMessage());
    }

    @Test
    void aBatchThatNoArrayHoldsIsRefusedWithItsSize() throws IOException {
        ImageDataset.Shape shape = new ImageDataset.Shape(3, 16384, 16384);
        assertEquals(805306368, shape.numbers(1));
        String fault =
                assertThrows(ConfigException.class, () -> shape.numbers(4)).getMessage();
        assertTrue(fault.startsWith("a batch of 4 images of 16384×16384 pixels in 3 channels is more than"), fault);
        assertTrue(fault.endsWith("take a smaller batch"), fault);
        ImageDataset.Shape vast = new ImageDataset.Shape(3, Integer.MAX_VALUE, Integer.MAX_VALUE);
        assertThrows(ConfigException.class, () -> vast.numbers(Integer.MAX_VALUE));
        assertEquals(128, ImageDataset.numbers(dataset("none"), 2));
        Size large = new Size(32768, 32768);
        ImageProcessor processor =
                new ImageProcessor(new Resize(Resampling.BILINEAR, large, 0), null, 1, List.of(), List.of());
        ImageDataset two = new ImageDataset(
                images,
                Labels.ofNames(List.of("3", "5")),
                new ImageDataset.Shape(1, 32768, 32768),
                processor,
                Augmentation.NONE);
        assertThrows(ConfigException.class, () -> ImageDataset.numbers(two, 2));
    }

    @Test
    void allImagesThatCannotBeDecodedAreTold() throws IOException {
        for (String name : List.of("a/1.png", "a/2.png", "b/3.png", "b/4.png")) {
            Path file = folder.resolve("pictures").resolve(name);
            Files.createDirectories(file.getParent());
            BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
            ImageIO.write(image, "png", file.toFile());
        }
        LabeledImages pictures = LabeledImages.read(folder.resolve("pictures"));
        ImageDataset data = new ImageDataset(
                pictures,
                Labels.ofNames(List.of("a", "b")),
                shape(8),
                ImageProcessor.plain(1, 8, 8),
                Augmentation.NONE);
        data.requireReadable();
        assertEquals(4, data.batch(ALL, 0).labels().length);
        Files.writeString(folder.resolve("pictures/a/2.png"), "no picture");
        var one = assertThrows(DataException.class, data::requireReadable);
        assertTrue(one.getMessage().contains("2.png"), one.getMessage());
        assertThrows(DataException.class, () -> data.batch(ALL, 0));
        Files.writeString(folder.resolve("pictures/b/3.png"), "no picture");
        var both = assertThrows(DataException.class, data::requireReadable);
        assertTrue(both.getMessage().startsWith("2 of 4 images: cannot be used:\n  "), both.getMessage());
        assertTrue(both.getMessage().indexOf("2.png") < both.getMessage().indexOf("3.png"), both.getMessage());
    }
}
