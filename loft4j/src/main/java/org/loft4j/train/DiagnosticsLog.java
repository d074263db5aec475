package org.loft4j.train;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.optim.LoftDiagnostics;

/**
 * The diagnostics of a run as JSON Lines beside its metrics. The first line, of step 0, names the {@code layers}; every other
 * one has an array for each quantity, in the order of the layers. TensorBoard gets one figure for all layers of each.
 */
final class DiagnosticsLog implements AutoCloseable {
    /** Looks at a run where their number was left open; more would be a large file and no finer picture. */
    private static final long LOOKS = 500;

    private static final MathContext FIGURES = new MathContext(5);

    private final RunLog log;
    private boolean named;

    /** Opens the file as {@link RunLog#open} does. */
    DiagnosticsLog(Path file, long lastStep) throws IOException {
        this.log = RunLog.open(file, lastStep);
        this.named = Files.size(file) > 0;
    }

    /** Steps between two looks, where the settings leave it open: a multiple of those between two lines of the metrics. */
    static long every(TrainConfig config, long totalSteps) {
        long logging = config.loggingSteps();
        long coarsest = (totalSteps + LOOKS - 1) / LOOKS;
        return config.diagnosticsSteps() > 0
                ? config.diagnosticsSteps()
                : logging * Math.max(1, (coarsest + logging - 1) / logging);
    }

    void write(long step, List<LayerDiagnostics> layers, TensorBoardWriter board) throws IOException {
        if (!named) {
            Map<String, Object> names = new LinkedHashMap<>();
            names.put("step", 0);
            names.put("layers", layers.stream().map(LayerDiagnostics::path).toList());
            log.append(names);
            named = true;
        }
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("step", step);
        columns(layers).forEach((name, values) -> entry.put(name, rounded(values)));
        log.append(entry);
        for (Map.Entry<String, Double> total : totals(layers).entrySet()) {
            board.scalar("layers/" + total.getKey(), total.getValue(), step);
        }
    }

    private static Map<String, double[]> columns(List<LayerDiagnostics> layers) {
        Map<String, double[]> columns = new LinkedHashMap<>();
        columns.put("update_norm", column(layers, LayerDiagnostics::updateNorm));
        columns.put("norm_a", column(layers, LayerDiagnostics::normA));
        columns.put("norm_b", column(layers, LayerDiagnostics::normB));
        columns.put("condition_a", column(layers, LayerDiagnostics::conditionA));
        columns.put("condition_b", column(layers, LayerDiagnostics::conditionB));
        if (layers.stream().anyMatch(layer -> layer.loft() != null)) {
            columns.put("turn", column(layers, layer -> of(layer, LoftDiagnostics::turn)));
            columns.put("eps_share", column(layers, layer -> of(layer, LoftDiagnostics::epsShare)));
            columns.put("step_ratio", column(layers, LayerDiagnostics::stepRatio));
        }
        return columns;
    }

    /** The norm of all updates together, and of what can go wrong in a single layer the worst. */
    private static Map<String, Double> totals(List<LayerDiagnostics> layers) {
        Map<String, Double> totals = new LinkedHashMap<>();
        columns(layers).forEach((name, values) -> {
            double squares = 0;
            double largest = Double.NEGATIVE_INFINITY;
            for (double value : values) {
                squares += value * value;
                largest = Math.max(largest, value);
            }
            boolean norm = name.contains("norm");
            totals.put(norm ? name : "largest_" + name, norm ? Math.sqrt(squares) : largest);
        });
        return totals;
    }

    private static double of(LayerDiagnostics layer, ToDoubleFunction<LoftDiagnostics> quantity) {
        LoftDiagnostics loft = layer.loft();
        return loft == null ? Double.NaN : quantity.applyAsDouble(loft);
    }

    private static double[] column(List<LayerDiagnostics> layers, ToDoubleFunction<LayerDiagnostics> quantity) {
        return layers.stream().mapToDouble(quantity).toArray();
    }

    private static List<@Nullable Double> rounded(double[] values) {
        List<@Nullable Double> rounded = new ArrayList<>();
        for (double value : values) {
            rounded.add(
                    Double.isFinite(value)
                            ? new BigDecimal(value).round(FIGURES).doubleValue()
                            : null);
        }
        return rounded;
    }

    void sync() throws IOException {
        log.sync();
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
