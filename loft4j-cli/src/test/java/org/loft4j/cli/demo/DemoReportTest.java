package org.loft4j.cli.demo;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.report.Curve;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;

class DemoReportTest {
    private static final List<DemoRun> RUNS = List.of(run(Method.LOFT, 5e-4, 0.7136), run(Method.LORA, 1.5e-3, 0.7));

    @Test
    void theTableShowsTheMeasuredFigures() {
        assertEquals("""
                  method  accuracy  macro-F1    loss  trained  learning rate  seconds  memory
                  LoFT      0.7136    0.7036  0.5523   12,345           5e-4     61.3  912 MB
                  LoRA      0.7000    0.6900  0.5523   12,345         1.5e-3     61.3  912 MB
                """, DemoTable.text(RUNS));
    }

    @Test
    void theStandardErrorIsThatOfTheTestSentences() {
        // √(0.7136 · 0.2864 / 1512) = 0.0116
        assertTrue(DemoTable.uncertainty(RUNS.get(0)).contains(" 1.2 points "), DemoTable.uncertainty(RUNS.get(0)));
    }

    @Test
    void thePictureHoldsBothCurves() throws Exception {
        byte[] png = requireNonNull(LearningCurves.figure(RUNS).draw(Assertions::fail));
        BufferedImage picture = ImageIO.read(new ByteArrayInputStream(png));
        assertEquals(2480, picture.getWidth());
        assertNotEquals(0, pixels(picture, 0x0072B2), "LoFT's line");
        assertNotEquals(0, pixels(picture, 0xD55E00), "LoRA's line");
        assertEquals(0, pixels(picture, 0x56B4E9), "LoFT-simple was not run");
    }

    @Test
    void thePageNeedsNoOtherFileAndEscapesText() throws Exception {
        byte[] png = requireNonNull(LearningCurves.figure(RUNS).draw(Assertions::fail));
        String html = DemoReport.html(
                List.of("Is this < that & \"so\"?"),
                RUNS,
                Map.of("seed", "42"),
                png,
                List.of("./loft predict --text \"He go.\""));
        assertTrue(html.contains("<td>0.7136</td>"), html.substring(0, 2000));
        assertTrue(html.contains("data:image/png;base64," + Base64.getEncoder().encodeToString(png)));
        assertTrue(html.contains("Is this &lt; that &amp; &quot;so&quot;?"));
        assertTrue(html.contains("<tr><td>seed</td><td>42</td></tr>"));
        assertTrue(html.contains("./loft predict --text &quot;He go.&quot;"));
        assertFalse(html.contains("src=\"http") || html.contains("href="), "a link out of the page");

        String bare = DemoReport.html(List.of(), RUNS, Map.of(), null, List.of());
        assertFalse(bare.contains("<img"));
        assertTrue(bare.contains("metrics.jsonl"));
        assertFalse(bare.contains("Next"), "nothing to do next");
    }

    private static DemoRun run(Method method, double learningRate, double accuracy) {
        Curve loss = new Curve();
        Curve scores = new Curve();
        for (int step = 1; step <= 100; step++) {
            loss.add(step, 0.7 - 0.001 * step * accuracy + 0.02 * Math.sin(step));
        }
        for (int step = 20; step <= 100; step += 20) {
            scores.add(step, accuracy - 0.1 + 0.001 * step);
        }
        Evaluation test = new Evaluation(0.5523, Map.of("accuracy", accuracy, "macro_f1", accuracy - 0.01), 1512, 2);
        return new DemoRun(method, learningRate, 12345, loss, scores, test, 61.25, 912_345_678, 0, null);
    }

    private static int pixels(BufferedImage picture, int color) {
        int count = 0;
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                count += (picture.getRGB(x, y) & 0xFFFFFF) == color ? 1 : 0;
            }
        }
        return count;
    }
}
