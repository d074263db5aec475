package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Against Pillow's resized pictures and the values of Transformers' ViTImageProcessor. */
class ImageProcessorParityTest {
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
    @ValueSource(strings = {"rect", "imagenet", "no_normalize", "no_resize", "rescale_127", "nearest", "lanczos"})
    void processedValuesEqualTheReference(String variant) throws IOException {
        Files.copy(path("variant_" + variant + ".preprocessor_config.json"), folder.resolve(ImageProcessorFile.NAME));
        ImageProcessor processor = ImageProcessorFile.read(folder);
        assertNotNull(processor);
        Pixels image = processor.resized(pixels("w50h37"), 3);
        float[] values = new float[image.values().length];
        processor.normalise(image, values, 0);
        try (NativeScope scope = new NativeScope();
                SafetensorsFile expected = open("w50h37.variants.safetensors")) {
            float[] theirs = Tensors.toFloats(expected.read(variant));
            assertArrayEquals(theirs, values, 1e-6f);
        }
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
