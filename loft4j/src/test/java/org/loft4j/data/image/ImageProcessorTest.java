package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.image.ImageProcessor.Resize;
import org.loft4j.data.image.ImageProcessor.Size;

/** Which sizes come of a processor, and what it refuses before it works. */
class ImageProcessorTest {
    private static ImageProcessor of(@Nullable Resize resize, @Nullable Size crop) {
        return new ImageProcessor(resize, crop, 1, List.of(), List.of());
    }

    private static Resize shortest(int edge) {
        return new Resize(Resampling.BILINEAR, null, edge);
    }

    private static Pixels image(int height, int width) {
        return new Pixels(height, width, 1, new byte[height * width]);
    }

    private static String refused(ImageProcessor processor, Pixels image, int height, int width) {
        return String.valueOf(
                assertThrows(DataException.class, () -> processor.requireMakes("x.png", image, height, width))
                        .getMessage());
    }

    @Test
    void theShorterSideBecomesTheShortestEdge() {
        assertEquals(new Size(10, 25), shortest(10).of(image(20, 50)));
        assertEquals(new Size(25, 10), shortest(10).of(image(50, 20)));
        assertEquals(new Size(10, 10), shortest(10).of(image(20, 20)));
    }

    @Test
    void theCropIsTheSizeInTheEnd() {
        Resize fixed = new Resize(Resampling.BILINEAR, new Size(32, 16), 0);
        assertEquals(new Size(8, 4), of(fixed, new Size(8, 4)).made());
        assertEquals(new Size(32, 16), of(fixed, null).made());
        assertEquals(null, of(shortest(10), null).made());
        assertTrue(of(shortest(10), new Size(8, 10)).makesOneSize());
        assertFalse(of(shortest(9), new Size(8, 10)).makesOneSize());
        assertFalse(of(null, new Size(8, 10)).makesOneSize());
    }

    @Test
    void aPictureThatDoesNotComeToTheSizeIsNamed() {
        ImageProcessor cropped = of(null, new Size(16, 24));
        assertDoesNotThrow(() -> cropped.requireMakes("x.png", image(16, 24), 16, 24));
        assertTrue(refused(cropped, image(32, 23), 16, 24).contains("into which crop_size 16×24 does not fit"));
        assertTrue(refused(cropped, image(15, 32), 16, 24).contains("into which crop_size 16×24 does not fit"));
        assertTrue(refused(of(null, null), image(4, 5), 4, 4).contains("has 4×5 pixels, but the model reads 4×4"));
        // a thousand million pixels, of three bytes each
        assertTrue(refused(of(shortest(224), null), image(1, 20_000), 224, 224).contains("too large"));
    }

    @Test
    void meansAndDeviationsGoTogether() {
        for (List<Double> std : List.of(List.<Double>of(), List.of(0.0), List.of(-1.0), List.of(Double.NaN))) {
            assertThrows(ConfigException.class, () -> new ImageProcessor(null, null, 1, List.of(0.5), std));
        }
        assertThrows(ConfigException.class, () -> new ImageProcessor(null, null, 1, List.of(0.5), List.of(0.5, 0.5)));
        assertDoesNotThrow(() -> of(null, null).requireFits(3, 8, 8));
        ImageProcessor plain = ImageProcessor.plain(3, 8, 8);
        assertDoesNotThrow(() -> plain.requireFits(3, 8, 8));
        assertThrows(ConfigException.class, () -> plain.requireFits(1, 8, 8));
        assertThrows(ConfigException.class, () -> plain.requireFits(3, 8, 9));
    }
}
