package org.loft4j.cli.demo;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.loft4j.train.Method;

/** Draws training loss and validation accuracy of all runs side by side. */
final class LearningCurves {
    private static final int WIDTH = 620;
    private static final int HEIGHT = 400;
    private static final Color INK = new Color(0x333333);
    private static final Color GRID = new Color(0xE4E4E4);

    private LearningCurves() {}

    /** The picture as a PNG file's bytes. */
    static byte[] png(List<DemoRun> runs) throws IOException {
        double window = Math.max(1, runs.get(0).trainLoss().steps().size() / 20.0);
        XYChart loss = chart(
                "training loss, smoothed", "loss", runs, run -> run.trainLoss().smoothed(window), false);
        XYChart accuracy =
                chart("validation accuracy, rules not trained on", "accuracy", runs, DemoRun::accuracy, true);
        BufferedImage both = new BufferedImage(2 * WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = both.createGraphics();
        graphics.drawImage(BitmapEncoder.getBufferedImage(loss), 0, 0, null);
        graphics.drawImage(BitmapEncoder.getBufferedImage(accuracy), WIDTH, 0, null);
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (!ImageIO.write(both, "png", bytes)) {
            throw new IOException("this Java cannot write PNG files");
        }
        return bytes.toByteArray();
    }

    private static XYChart chart(
            String title, String quantity, List<DemoRun> runs, Function<DemoRun, Curve> curve, boolean marked) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("optimizer step")
                .yAxisTitle(quantity)
                .build();
        chart.getStyler()
                .setLegendPosition(marked ? Styler.LegendPosition.InsideSE : Styler.LegendPosition.InsideNE)
                .setLegendBorderColor(GRID)
                .setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13))
                .setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 15))
                .setChartBackgroundColor(Color.WHITE)
                .setPlotBackgroundColor(Color.WHITE)
                .setPlotBorderColor(GRID)
                .setChartFontColor(INK)
                .setMarkerSize(6);
        chart.getStyler()
                .setPlotGridLinesColor(GRID)
                .setPlotGridLinesStroke(new BasicStroke(1f))
                .setPlotGridVerticalLinesVisible(false)
                .setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12))
                .setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13))
                .setXAxisMin(0.0)
                .setXAxisMaxLabelCount(8)
                .setXAxisDecimalPattern("#,##0")
                .setYAxisDecimalPattern("0.00");
        for (DemoRun run : runs) {
            Curve line = curve.apply(run);
            if (!line.isEmpty()) {
                XYSeries series = chart.addSeries(run.title(), line.steps(), line.values());
                series.setLineColor(color(run.method()));
                series.setLineStyle(new BasicStroke(2.2f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
                series.setMarker(marked ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
                series.setMarkerColor(color(run.method()));
            }
        }
        return chart;
    }

    /** Told apart by people who see red and green alike, too. */
    private static Color color(Method method) {
        return switch (method) {
            case LOFT -> new Color(0x0072B2);
            case LOFT_SIMPLE -> new Color(0x56B4E9);
            case LORA -> new Color(0xD55E00);
            case FULL -> new Color(0x666666);
            default -> new Color(0x009E73);
        };
    }
}
