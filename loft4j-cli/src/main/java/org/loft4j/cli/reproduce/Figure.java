package org.loft4j.cli.reproduce;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.loft4j.cli.report.LineChart;

/**
 * A picture of what was found.
 *
 * @param described what it shows, for those who do not see it
 * @param charts from left to right, then from top to bottom
 * @param columns charts that stand side by side
 */
record Figure(String described, List<LineChart> charts, int columns) {
    Figure {
        charts = List.copyOf(charts);
    }

    /** The picture as a PNG file's bytes. */
    byte[] png() throws IOException {
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
