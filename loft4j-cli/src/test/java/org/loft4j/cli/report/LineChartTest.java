package org.loft4j.cli.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class LineChartTest {
    private static Curve rates(double offset, double error) {
        Curve curve = new Curve();
        for (double rate : new double[] {1e-4, 3e-4, 1e-3, 3e-3}) {
            curve.add(rate, offset - Math.pow(Math.log10(rate) + 3, 2) / 10, error);
        }
        return curve;
    }

    @Test
    void aMethodHasItsColourAndPointsThatNoLogAxisHasAreLeftOut() throws IOException {
        Curve withZero = rates(0.8, 0.02);
        withZero.add(0, 0.5);
        byte[] png = LineChart.png(List.of(
                new LineChart("validation accuracy", "learning rate", "accuracy")
                        .logX()
                        .marked()
                        .line("LoFT, rank 4", "LoFT", 0, rates(0.9, 0.01))
                        .line("LoFT, rank 16", "LoFT", 1, rates(0.95, 0.01))
                        .line("LoRA, rank 4", "LoRA", 0, withZero),
                new LineChart("loss", "step", "loss").logY().line("LoFT", rates(0.9, 0))));
        BufferedImage picture = ImageIO.read(new ByteArrayInputStream(png));
        assertEquals(2480, picture.getWidth());
        assertEquals(800, picture.getHeight());
        assertNotEquals(0, pixels(picture, 0x0072B2, 0, 1240), "LoFT's lines");
        assertNotEquals(0, pixels(picture, 0xD55E00, 0, 1240), "LoRA's line");
        assertNotEquals(0, pixels(picture, 0x0072B2, 1240, 2480), "LoFT's line in the second chart");
        String look = System.getProperty("look");
        if (look != null) {
            Files.write(Path.of(look), png);
        }
    }

    @Test
    void unknownTitlesGetColoursOfTheirOwn() {
        Color first = Palette.of("mine", Set.of());
        assertEquals(first, Palette.of("mine", Set.of()));
        assertNotEquals(first, Palette.of("mine", Set.of(first)));
    }

    /** One or no power of ten lies among them, and only these have a label. */
    @Test
    void pointsThatALogAxisDoesNotLabelStandInItsTitle() {
        assertEquals("rank: 2, 4", over(2, 4).titleOfX());
        assertEquals("rank: 1, 4", over(1, 4).titleOfX());
        assertEquals("rank: 0.0003, 0.001, 0.003", over(3e-3, 3e-4, 1e-3).titleOfX());
        assertEquals("rank", over(1, 2, 4, 8, 16).titleOfX());
        assertEquals("rank", over(1e-3, 1e-2).titleOfX());
        assertEquals("rank", over().titleOfX());
    }

    private static LineChart over(double... points) {
        Curve curve = new Curve();
        for (double x : points) {
            curve.add(x, 0.5);
        }
        return new LineChart("score", "rank", "score").logX().marked().line("LoFT", curve);
    }

    @Test
    void anEmptyChartCanBeDrawn() throws IOException {
        assertTrue(LineChart.png(List.of(new LineChart("nothing", "x", "y").logX())).length > 0);
    }

    private static int pixels(BufferedImage picture, int color, int from, int to) {
        int count = 0;
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = from; x < to; x++) {
                count += (picture.getRGB(x, y) & 0xFFFFFF) == color ? 1 : 0;
            }
        }
        return count;
    }
}
