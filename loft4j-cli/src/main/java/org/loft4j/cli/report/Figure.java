package org.loft4j.cli.report;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/**
 * A picture of what was found.
 *
 * @param described what it shows, for those who do not see it
 * @param charts from left to right, then from top to bottom
 * @param columns charts that stand side by side
 */
public record Figure(String described, List<LineChart> charts, int columns) {
    public Figure {
        charts = List.copyOf(charts);
    }

    /**
     * The picture as a PNG file's bytes; null on a Java that cannot draw, one without fonts, say.
     *
     * @param complaint is told why there is none
     */
    public byte @Nullable [] draw(Consumer<String> complaint) {
        try {
            return png();
        } catch (IOException | RuntimeException | LinkageError | java.awt.AWTError e) {
            complaint.accept("The " + described + " could not be drawn (" + e + "); the page goes without");
            return null;
        }
    }

    private byte[] png() throws IOException {
        List<BufferedImage> rows = new ArrayList<>();
        for (int from = 0; from < charts.size(); from += columns) {
            byte[] row = LineChart.png(charts.subList(from, Math.min(charts.size(), from + columns)));
            rows.add(ImageIO.read(new ByteArrayInputStream(row)));
        }
        BufferedImage all = new BufferedImage(
                rows.stream().mapToInt(BufferedImage::getWidth).max().orElse(1),
                Math.max(1, rows.stream().mapToInt(BufferedImage::getHeight).sum()),
                BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = all.createGraphics();
        graphics.setColor(java.awt.Color.WHITE);
        graphics.fillRect(0, 0, all.getWidth(), all.getHeight());
        int top = 0;
        for (BufferedImage row : rows) {
            graphics.drawImage(row, 0, top, null);
            top += row.getHeight();
        }
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (!ImageIO.write(all, "png", bytes)) {
            throw new IOException("this Java cannot write PNG files");
        }
        return bytes.toByteArray();
    }
}
