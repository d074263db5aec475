package org.loft4j.cli.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * A chart of named lines. A line's colour is that of its method, its dashes and its marker are those of its variant (a rank,
 * say), so that one method's lines are kin.
 *
 * <pre>
 * LineChart chart = new LineChart("validation accuracy", "learning rate", "accuracy").logX().marked()
 *         .line("LoFT, rank 4", "LoFT", 0, curve);
 * byte[] png = LineChart.png(List.of(chart));
 * </pre>
 */
public final class LineChart {
    private static final int WIDTH = 620;
    private static final int HEIGHT = 400;
    /** Pixels of the picture a pixel of the chart, for screens that are finer than they say. */
    private static final int SCALE = 2;

    /** What the last point is moved by, relative to where it lies: nothing that anyone could see. */
    private static final double UNEVEN = 1e-5;

    /** Of a logarithm. */
    private static final double ROUNDING = 1e-9;

    private static final Color INK = new Color(0x333333);
    private static final Color GRID = new Color(0xE4E4E4);
    private static final float[][] DASHES = {null, {7, 4}, {2, 3}, {10, 3, 2, 3}, {1, 5}};
    private static final Marker[] MARKERS = {
        SeriesMarkers.CIRCLE,
        SeriesMarkers.SQUARE,
        SeriesMarkers.TRIANGLE_UP,
        SeriesMarkers.DIAMOND,
        SeriesMarkers.CROSS
    };

    private record Line(String name, String method, int variant, Curve curve) {}

    private final String title;
    private final String xTitle;
    private final String yTitle;
    private final List<Line> lines = new ArrayList<>();
    private boolean logX;
    private boolean logY;
    private boolean marked;
    private boolean fromZero;

    /** A chart without lines on linear axes. */
    public LineChart(String title, String xTitle, String yTitle) {
        this.title = title;
        this.xTitle = xTitle;
        this.yTitle = yTitle;
    }

    /** Points at or below 0 are left out. */
    public LineChart logX() {
        logX = true;
        return this;
    }

    /** Points at or below 0 are left out. */
    public LineChart logY() {
        logY = true;
        return this;
    }

    /** Shows the points. */
    public LineChart marked() {
        marked = true;
        return this;
    }

    /** Begins the horizontal axis at 0. */
    public LineChart fromZero() {
        fromZero = true;
        return this;
    }

    /** A line whose name is its method's title. */
    public LineChart line(String method, Curve curve) {
        return line(method, method, 0, curve);
    }

    /**
     * Adds a line; an empty one is left out.
     *
     * @param name in the legend, only once in a chart
     * @param method title of the method, which says the colour
     * @param variant says dashes and marker: 0 for a solid line
     */
    public LineChart line(String name, String method, int variant, Curve curve) {
        Curve shown = positive(curve);
        if (!shown.isEmpty()) {
            lines.add(new Line(name, method, variant, shown));
        }
        return this;
    }

    private Curve positive(Curve curve) {
        Curve kept = new Curve();
        List<Double> errors = curve.errors();
        for (int i = 0; i < curve.x().size(); i++) {
            double x = curve.x().get(i);
            double y = curve.y().get(i);
            double error = errors == null ? 0 : errors.get(i);
            if ((!logX || x > 0) && (!logY || y > 0)) {
                // XChart sets its marks at every so many points where they are equally spaced, and at round numbers
                // elsewhere
                boolean last = !logX && i == curve.x().size() - 1;
                // the end of a bar must lie on the axis, too
                kept.add(last ? x * (1 + UNEVEN) : x, y, logY && error >= y ? 0.99 * y : error);
            }
        }
        return kept;
    }

    /** Charts side by side in one picture, as a PNG file's bytes. */
    public static byte[] png(List<LineChart> charts) throws IOException {
        BufferedImage picture =
                new BufferedImage(SCALE * WIDTH * charts.size(), SCALE * HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.scale(SCALE, SCALE);
        for (LineChart chart : charts) {
            chart.chart().paint(graphics, WIDTH, HEIGHT);
            graphics.translate(WIDTH, 0);
        }
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (!ImageIO.write(picture, "png", bytes)) {
            throw new IOException("this Java cannot write PNG files");
        }
        return bytes.toByteArray();
    }

    private XYChart chart() {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle(titleOfX())
                .yAxisTitle(yTitle)
                .build();
        chart.getStyler()
                .setLegendPosition(Styler.LegendPosition.OutsideE)
                .setLegendBorderColor(Color.WHITE)
                .setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12))
                .setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 15))
                .setChartBackgroundColor(Color.WHITE)
                .setPlotBackgroundColor(Color.WHITE)
                .setPlotBorderColor(GRID)
                .setChartFontColor(INK)
                .setMarkerSize(6);
        chart.getStyler()
                .setPlotGridLinesColor(GRID)
                .setPlotGridLinesStroke(new BasicStroke(1f))
                .setPlotGridVerticalLinesVisible(logX)
                .setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12))
                .setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13))
                .setErrorBarsColorSeriesColor(true)
                .setXAxisLogarithmic(logX)
                .setYAxisLogarithmic(logY)
                .setXAxisTickMarkSpacingHint(90);
        chart.getStyler().setLocale(Locale.ROOT);
        if (!logX) {
            chart.getStyler().setXAxisDecimalPattern("#,##0.###");
        }
        if (fromZero) {
            chart.getStyler().setXAxisMin(0.0);
        }
        Map<String, Color> colors = colors();
        for (Line line : lines) {
            draw(chart, line, colors.getOrDefault(line.method(), INK));
        }
        return chart;
    }

    /**
     * With where the points lie, if the axis would not tell: XChart labels powers of ten alone on a logarithmic one, and between
     * ranks 2 and 8 there is none.
     */
    String titleOfX() {
        TreeSet<Double> points = new TreeSet<>();
        lines.forEach(line -> points.addAll(line.curve().x()));
        if (!logX || !marked || points.isEmpty()) {
            return xTitle;
        }
        double labels =
                Math.floor(Math.log10(points.last()) + ROUNDING) - Math.ceil(Math.log10(points.first()) - ROUNDING) + 1;
        return labels > 1
                ? xTitle
                : xTitle + ": "
                        + points.stream()
                                .map(x -> BigDecimal.valueOf(x)
                                        .stripTrailingZeros()
                                        .toPlainString())
                                .collect(Collectors.joining(", "));
    }

    /** One colour a method; first those that are fixed. */
    private Map<String, Color> colors() {
        Map<String, Color> colors = new LinkedHashMap<>();
        Set<Color> taken = new HashSet<>();
        for (Line line : lines) {
            taken.addAll(Palette.fixed(line.method()));
        }
        for (Line line : lines) {
            taken.add(colors.computeIfAbsent(line.method(), method -> Palette.of(method, taken)));
        }
        return colors;
    }

    private void draw(XYChart chart, Line line, Color color) {
        Curve curve = line.curve();
        List<Double> errors = marked ? curve.errors() : null;
        XYSeries series = errors == null
                ? chart.addSeries(line.name(), curve.x(), curve.y())
                : chart.addSeries(line.name(), curve.x(), curve.y(), errors);
        float[] dash = DASHES[line.variant() % DASHES.length];
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(
                2.2f,
                dash == null ? BasicStroke.CAP_ROUND : BasicStroke.CAP_BUTT,
                BasicStroke.JOIN_ROUND,
                10,
                dash,
                0));
        series.setMarker(marked ? MARKERS[line.variant() % MARKERS.length] : SeriesMarkers.NONE);
        series.setMarkerColor(color);
    }
}
