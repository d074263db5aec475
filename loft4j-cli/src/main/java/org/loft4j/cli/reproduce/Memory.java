package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;

/**
 * Memory by method: the optimizer's state and the peak of its steps measured on single matrices, the formulas checked against
 * that, and what they say of models that do not fit here (the paper's table: LLaMA-7B, q, k, v, up and down, rank 16).
 */
final class Memory implements Experiment {
    private static final double GIB = 1L << 30;
    private static final double MIB = 1L << 20;
    private static final List<Integer> RANKS_OF_PICTURE = List.of(1, 2, 4, 8, 16, 32, 64);
    private static final List<ModelSize> MODELS = List.of(ModelSize.LLAMA_7B, ModelSize.LLAMA_70B);

    private final List<long[]> sizes;
    private final List<Integer> ranks;

    Memory(ReproduceSettings settings) {
        this(
                settings.quick()
                        ? List.of(new long[] {512, 512})
                        : List.of(new long[] {1024, 512}, new long[] {2048, 2048}, new long[] {4096, 4096}),
                settings.ranksOr(16));
    }

    /** @param sizes of the measured matrices, (m, n) */
    Memory(List<long[]> sizes, List<Integer> ranks) {
        this.sizes = sizes;
        this.ranks = ranks;
    }

    @Override
    public Findings run(Consumer<String> say) {
        List<MemoryMeasurement> measured = new ArrayList<>();
        // the first steps of a process load code and start threads, which is nobody's memory
        methods().forEach(method -> MemoryMeasurement.of(method, 64, 64, 4));
        for (long[] size : sizes) {
            for (int rank : ranks) {
                say.accept("measuring a " + size[0] + "×" + size[1] + " matrix at rank " + rank);
                methods().forEach(method -> measured.add(MemoryMeasurement.of(method, size[0], size[1], rank)));
            }
        }
        return findings(measured);
    }

    private static List<MemoryMethod> methods() {
        return Arrays.stream(MemoryMethod.values())
                .filter(MemoryMethod::isMeasured)
                .toList();
    }

    private Findings findings(List<MemoryMeasurement> measured) {
        List<FindingsTable> tables = new ArrayList<>();
        tables.add(measuredTable(measured));
        Map<String, Object> values = new LinkedHashMap<>();
        values.put(
                "max_relative_difference",
                measured.stream()
                        .mapToDouble(MemoryMeasurement::relativeDifference)
                        .max()
                        .orElse(Double.NaN));
        values.put("measured", measured.stream().map(MemoryMeasurement::tree).toList());
        Map<String, Object> models = new LinkedHashMap<>();
        for (ModelSize model : MODELS) {
            for (int rank : ranks) {
                tables.add(modelTable(model, rank));
                models.put(model.title() + ", rank " + rank, modelTree(model, rank));
            }
        }
        values.put("models", models);
        return new Findings(
                "Memory by method",
                List.of(
                        "State: the bytes of all tensors that the optimizer keeps for one float32 matrix, counted, beside the"
                                + " formula. Peak: how far the resident size of the process grew from before the optimizer was made to"
                                + " the largest during three steps: a copy of what is trained, its gradients, the state, and what a step"
                                + " holds for a while."),
                settings(),
                tables,
                new Figure("optimizer's state over the rank", charts(), 2),
                List.of(
                        "Models: arithmetic by the formulas above. Weights in bfloat16; adapters, their gradients and all states"
                                + " in float32; full fine-tuning's gradients in bfloat16. Adapters on q, k, v, up and down. Activations,"
                                + " which depend on batch and length and are nearly the same for all methods, are not counted."),
                values);
    }

    private static FindingsTable measuredTable(List<MemoryMeasurement> measured) {
        List<List<String>> rows = new ArrayList<>();
        for (MemoryMeasurement each : measured) {
            rows.add(List.of(
                    each.method().title(),
                    each.m() + "×" + each.n(),
                    String.valueOf(each.rank()),
                    each.method().formula(),
                    Numbers.fixed(each.stateBytes() / MIB, 2),
                    Numbers.fixed(each.expectedStateBytes() / MIB, 2),
                    Numbers.fixed(100 * each.relativeDifference(), 3) + " %",
                    mib(each.peakBytes())));
        }
        return new FindingsTable(
                "Measured on single matrices, MiB",
                List.of("method", "matrix", "rank", "floats", "state", "by formula", "difference", "peak"),
                rows);
    }

    private static String mib(OptionalLong bytes) {
        return bytes.isPresent() ? Numbers.fixed(bytes.getAsLong() / MIB, 1) : "–";
    }

    private static FindingsTable modelTable(ModelSize model, int rank) {
        List<List<String>> rows = new ArrayList<>();
        for (MemoryMethod method : MemoryMethod.values()) {
            List<String> row = new ArrayList<>(List.of(method.title()));
            bytes(model, method, rank).values().forEach(bytes -> row.add(Numbers.fixed(bytes / GIB, 2)));
            rows.add(row);
        }
        return new FindingsTable(
                model.title() + ", adapters of rank " + rank + ", GiB",
                List.of("method", "weights", "adapter", "gradients", "state", "temporary", "sum"),
                rows);
    }

    private static Map<String, Object> modelTree(ModelSize model, int rank) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (MemoryMethod method : MemoryMethod.values()) {
            tree.put(method.word(), bytes(model, method, rank));
        }
        return tree;
    }

    /** What a method takes, in bytes, by kind; the sum last. */
    static Map<String, Double> bytes(ModelSize model, MemoryMethod method, int rank) {
        Map<String, Double> bytes = new LinkedHashMap<>();
        double adapter = method.isFull() ? 0 : 4 * model.adapterFloats(rank);
        bytes.put("weights_bytes", 2.0 * model.parameters());
        bytes.put("adapter_bytes", adapter);
        bytes.put("gradient_bytes", method.isFull() ? 2.0 * model.parameters() : adapter);
        bytes.put("state_bytes", 4 * model.stateFloats(method, rank));
        bytes.put("temporary_bytes", 4 * model.temporaryFloats(method, rank));
        bytes.put(
                "sum_bytes",
                bytes.values().stream().mapToDouble(Double::doubleValue).sum());
        return bytes;
    }

    private static List<LineChart> charts() {
        List<LineChart> charts = new ArrayList<>();
        for (ModelSize model : MODELS) {
            LineChart chart = new LineChart(model.title(), "rank", "optimizer's state, GiB")
                    .logX()
                    .logY()
                    .marked();
            for (MemoryMethod method : MemoryMethod.values()) {
                Curve curve = new Curve();
                RANKS_OF_PICTURE.forEach(rank -> curve.add(rank, 4 * model.stateFloats(method, rank) / GIB));
                chart.line(method.title(), method.color(), method.variant(), curve);
            }
            charts.add(chart);
        }
        return charts;
    }

    private Map<String, Object> settings() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("matrices", sizes.stream().map(size -> size[0] + "×" + size[1]).toList());
        map.put("ranks", ranks);
        map.put("dtype of the measured matrices", "float32");
        map.put("steps of a measurement", 3);
        map.put("seeds", "none: the numbers do not depend on any");
        return map;
    }
}
