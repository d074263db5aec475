package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.DataException;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Against Pillow's resized pictures and the values of Transformers' ViTImageProcessor. */
class ImageProcessorParityTest {
    private static final List<String> CROPPED = List.of("dinov2", "deit");

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"w28h28", "w37h50", "w50h37"})
    void resizedPicturesEqualPillowsToTheLastBit(String name) throws IOException {
        Pixels image = pixels(name);
        try (NativeScope scope = new NativeScope();
                SafetensorsFile expected = open(name + ".expected.safetensors")) {
            for (Resampling resampling : new Resampling[] {Resampling.BILINEAR, Resampling.BICUBIC}) {
                for (int side : new int[] {32, 224}) {
                    String key = resampling.name().toLowerCase(java.util.Locale.ROOT) + "." + side + ".resized";
                    if (expected.names().contains(key)) {
                        assertArrayEquals(
                                bytes(expected, key),
                                resampling.resize(image, side, side).values(),
                                key);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rect",
                "imagenet",
                "no_normalize",
                "no_resize",
                "rescale_127",
                "nearest",
                "lanczos",
                "dinov2",
                "deit"
            })
    void processedValuesEqualTheReference(String variant) throws IOException {
        Files.copy(path("variant_" + variant + ".preprocessor_config.json"), folder.resolve(ImageProcessorFile.NAME));
        ImageProcessor processor = ImageProcessorFile.read(folder, 3);
        assertNotNull(processor);
        Pixels image = processor.resized(pixels("w50h37"), 3);
        float[] values = new float[image.values().length];
        processor.normalise(image, values, 0);
        try (NativeScope scope = new NativeScope();
                SafetensorsFile expected = open(
                        CROPPED.contains(variant) ? "w50h37.cropped.safetensors" : "w50h37.variants.safetensors")) {
            float[] theirs = Tensors.toFloats(expected.read(variant));
            assertArrayEquals(theirs, values, 1e-6f);
        }
    }

    /** What Transformers' classes do without any setting. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ViTImageProcessor | {'size': {'height': 224, 'width': 224}, 'resample': 2, 'do_center_crop': false,"
                        + "'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]}",
                "DeiTImageProcessorFast | {'size': 256, 'resample': 3, 'do_center_crop': true, 'crop_size': 224,"
                        + "'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]}",
                "BitImageProcessor | {'size': {'shortest_edge': 224}, 'resample': 3, 'do_center_crop': true, 'crop_size': 224,"
                        + "'image_mean': [0.48145466, 0.4578275, 0.40821073],"
                        + "'image_std': [0.26862954, 0.26130258, 0.27577711]}"
            })
    void aSilentFileIsThatOfItsProcessor(String processor, String spelledOut) throws IOException {
        Path file = folder.resolve(ImageProcessorFile.NAME);
        Files.writeString(file, "{\"image_processor_type\": \"" + processor + "\"}");
        ImageProcessor silent = ImageProcessorFile.read(folder, 3);
        Files.writeString(file, spelledOut.replace('\'', '"'));
        assertEquals(ImageProcessorFile.read(folder, 3), silent);
    }

    /** Of BiT's one number is the shorter side, of the others' both. */
    @Test
    void oneNumberMeansWhatTheProcessorMeans() throws IOException {
        Path file = folder.resolve(ImageProcessorFile.NAME);
        Files.writeString(
                file, "{\"image_processor_type\": \"BitImageProcessor\", \"size\": 20, \"do_center_crop\": false}");
        Pixels wide = new Pixels(10, 30, 1, new byte[300]);
        assertEquals(60, ImageProcessorFile.read(folder, 1).resized(wide, 1).width());
        assertNull(ImageProcessorFile.read(folder, 3).made());
        Files.writeString(file, "{\"size\": 20}");
        assertEquals(20, ImageProcessorFile.read(folder, 1).resized(wide, 1).width());
    }

    /** As in Transformers. */
    @Test
    void oneNumberIsThatOfAllChannels() throws IOException {
        Path file = folder.resolve(ImageProcessorFile.NAME);
        Files.writeString(file, "{\"image_mean\": 0.25, \"image_std\": [0.5, 0.5, 0.5]}");
        ImageProcessor processor = ImageProcessorFile.read(folder, 3);
        assertEquals(List.of(0.25, 0.25, 0.25), processor.mean());
        float[] values = new float[3];
        processor.normalise(new Pixels(1, 1, 3, new byte[] {0, (byte) 255, 51}), values, 0);
        assertArrayEquals(new float[] {-0.5f, 1.5f, -0.1f}, values, 1e-6f);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "image_mean | '0.5' | must be a number, or an array",
                "image_std | {} | must be a number, or an array",
                "image_std | [] | must be a number, or an array",
                "image_mean | true | must be a number, or an array",
                "image_mean | [0.5, 'x', 0.5] | must be an array of numbers",
                "crop_size | {'shortest_edge': 16} | must be a whole number, or height and width, got",
                "size | {'height': 16} | must be a whole number, or height and width, or a shortest_edge, got"
            })
    void whatIsOfAnotherTypeIsRefused(String key, String value, String words) throws IOException {
        Files.writeString(
                folder.resolve(ImageProcessorFile.NAME),
                ("{'do_center_crop': true, '" + key + "': " + value + "}").replace('\'', '"'));
        String fault = assertThrows(DataException.class, () -> ImageProcessorFile.read(folder, 3))
                .getMessage();
        assertTrue(fault.contains("\"" + key + "\" " + words), fault);
    }

    @Test
    void aGreyPictureIsTheSameThreeTimesAndBack() throws IOException {
        Pixels image = pixels("w28h28");
        Pixels grey = image.withChannels(1);
        assertEquals(1, grey.channels());
        assertArrayEquals(grey.values(), grey.withChannels(3).withChannels(1).values());
    }

    private static Pixels pixels(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = open(name + ".safetensors")) {
            var tensor = file.read("pixels");
            return new Pixels((int) tensor.size(0), (int) tensor.size(1), 3, bytes(file, "pixels"));
        }
    }

    private static byte[] bytes(SafetensorsFile file, String name) throws IOException {
        long[] wide = Tensors.toLongs(file.read(name).to(Dtype.I64.scalarType()));
        byte[] bytes = new byte[wide.length];
        for (int i = 0; i < wide.length; i++) {
            bytes[i] = (byte) wide[i];
        }
        return bytes;
    }

    private static SafetensorsFile open(String name) throws IOException {
        return SafetensorsFile.open(path(name));
    }

    private static Path path(String name) {
        URL url = ImageProcessorParityTest.class.getResource("/fixtures/vit_processor/" + name);
        assertNotNull(url, name);
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
