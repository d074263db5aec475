package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Sample;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.train.DistanceRecorder;
import org.loft4j.train.UpdateDistance;

/** Distances from full fine-tuning as tables, pictures and numbers. */
final class DistanceFindings {
    private final List<DistanceRow> rows;
    private final List<TrialResult> results;
    private final List<Double> rates;
    private final String metric;
    private final Map<String, Object> described;
    private final long end;

    /** @param results of the runs behind the rows, the references too */
    DistanceFindings(
            List<DistanceRow> rows,
            List<TrialResult> results,
            List<Double> rates,
            String metric,
            Map<String, Object> described) {
        this.rows = rows;
        this.results = results;
        this.rates = rates;
        this.metric = metric;
        this.described = described;
        this.end = rows.stream().mapToLong(DistanceRow::lastStep).max().orElse(0);
    }

    Findings findings() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("results", rows.stream().map(DistanceFindings::tree).toList());
        List<FindingsTable> tables = new ArrayList<>();
        tables.add(last());
        for (double rate : rates) {
            tables.add(overTime(rate));
            tables.add(byKind(rate));
        }
        return new Findings(
                "Distance to full fine-tuning",
                List.of(
                        "ΔW is what training has changed in the linear layers of the model, the head apart. Each run is compared"
                                + " with full fine-tuning at the same learning rate, seed and batches, all layers together: relative"
                                + " error ‖ΔW − ΔW_full‖ / ‖ΔW_full‖, cosine, and norm ratio ‖ΔW‖ / ‖ΔW_full‖. Beside the methods: full"
                                + " fine-tuning with another seed, and the best change there is of a rank, the truncated singular value"
                                + " decomposition of ΔW_full, layer by layer."),
                described,
                tables,
                new Figure("relative error and cosine over the steps, and cosine by layer after the last", charts(), 3),
                notes(),
                values);
    }

    private List<String> notes() {
        List<String> notes = new ArrayList<>(TaskResults.notes(results));
        List<String> given = rows.stream()
                .filter(row -> !isWhole(row))
                .map(row -> row.label() + ", learning rate " + Trial.rateText(row.rate()) + ", seed " + row.seed()
                        + " (step " + row.lastStep() + ")")
                .toList();
        if (!given.isEmpty()) {
            notes.add("What is told of the last step, " + end
                    + ", leaves out those of which there is none, since the run or its"
                    + " reference was given up before; looked at last: " + String.join("; ", given) + ".");
        }
        return notes;
    }

    /** Whether a row has what is told of the last step. */
    private boolean isWhole(DistanceRow row) {
        return row.lastStep() == end;
    }

    /** Rows of different seeds together. */
    private Collection<List<DistanceRow>> groups(@Nullable Double rate) {
        Map<String, List<DistanceRow>> groups = new LinkedHashMap<>();
        rows.stream()
                .filter(row -> rate == null || row.rate() == rate)
                .filter(row -> !row.bySteps().isEmpty())
                .forEach(row -> groups.computeIfAbsent(row.group(), key -> new ArrayList<>())
                        .add(row));
        return groups.values();
    }

    private FindingsTable last() {
        List<List<String>> cells = new ArrayList<>();
        for (List<DistanceRow> group : groups(null)) {
            DistanceRow first = group.get(0);
            List<DistanceRow> whole = group.stream().filter(this::isWhole).toList();
            cells.add(List.of(
                    first.title(),
                    first.rank() == 0 ? "" : String.valueOf(first.rank()),
                    Trial.rateText(first.rate()),
                    whole.size() + (whole.size() < group.size() ? " of " + group.size() : ""),
                    spread(whole, UpdateDistance.Layer::relativeError),
                    spread(whole, UpdateDistance.Layer::cosine),
                    spread(whole, UpdateDistance.Layer::normRatio),
                    TaskResults.spread(
                            metric,
                            Sample.of(whole.stream().map(DistanceRow::score).toList()))));
        }
        return new FindingsTable(
                "After the last step",
                List.of(
                        "method",
                        "rank",
                        "learning rate",
                        "seeds",
                        "relative error",
                        "cosine",
                        "norm ratio",
                        "test " + Metric.heading(metric)),
                cells);
    }

    private static String spread(List<DistanceRow> group, ToDoubleFunction<UpdateDistance.Layer> figure) {
        Sample sample = Sample.of(group.stream()
                .map(row -> figure.applyAsDouble(row.last().overall()))
                .toList());
        if (sample.count() == 0) {
            return "–";
        }
        return Numbers.fixed(sample.mean(), 3)
                + (sample.count() < 2 ? "" : " ± " + Numbers.fixed(sample.deviation(), 3));
    }

    private FindingsTable overTime(double rate) {
        TreeSet<Long> steps = new TreeSet<>();
        groups(rate).forEach(group -> steps.addAll(steps(group)));
        List<String> headings = new ArrayList<>(List.of("method"));
        steps.forEach(step -> headings.add("step " + step));
        List<List<String>> cells = new ArrayList<>();
        for (List<DistanceRow> group : groups(rate)) {
            List<String> row = new ArrayList<>(List.of(group.get(0).label()));
            for (long step : steps) {
                double error = mean(group, step, UpdateDistance.Layer::relativeError);
                double cosine = mean(group, step, UpdateDistance.Layer::cosine);
                row.add(Double.isNaN(error) ? "–" : Numbers.fixed(error, 2) + " / " + Numbers.fixed(cosine, 2));
            }
            cells.add(row);
        }
        return new FindingsTable(
                "Relative error / cosine over the steps, learning rate " + Trial.rateText(rate), headings, cells);
    }

    /** At which one of the runs at least was looked at. */
    private static TreeSet<Long> steps(List<DistanceRow> group) {
        TreeSet<Long> steps = new TreeSet<>();
        group.forEach(row -> steps.addAll(row.bySteps().keySet()));
        return steps;
    }

    private static double mean(List<DistanceRow> group, long step, ToDoubleFunction<UpdateDistance.Layer> figure) {
        return group.stream()
                .filter(row -> row.bySteps().containsKey(step))
                .mapToDouble(row -> figure.applyAsDouble(row.bySteps().get(step).overall()))
                .average()
                .orElse(Double.NaN);
    }

    /** The path without its numbers: the same matrix of all layers. */
    private static String kind(String path) {
        return path.replaceAll("\\.[0-9]+\\.", ".*.").replaceAll("^.*\\*\\.", "");
    }

    private FindingsTable byKind(double rate) {
        List<List<String>> cells = new ArrayList<>();
        TreeSet<String> kinds = new TreeSet<>();
        for (List<DistanceRow> group : groups(rate)) {
            group.get(0).last().layers().forEach(layer -> kinds.add(kind(layer.path())));
        }
        for (List<DistanceRow> group : groups(rate)) {
            List<String> row = new ArrayList<>(List.of(group.get(0).label()));
            for (String kind : kinds) {
                double cosine = group.stream()
                        .filter(this::isWhole)
                        .mapToDouble(one -> new UpdateDistance(one.last().layers().stream()
                                        .filter(layer -> kind(layer.path()).equals(kind))
                                        .toList())
                                .overall()
                                .cosine())
                        .average()
                        .orElse(Double.NaN);
                row.add(Double.isNaN(cosine) ? "–" : Numbers.fixed(cosine, 2));
            }
            cells.add(row);
        }
        List<String> headings = new ArrayList<>(List.of("method"));
        headings.addAll(kinds);
        return new FindingsTable(
                "Cosine by matrix after the last step, learning rate " + Trial.rateText(rate), headings, cells);
    }

    /** Three charts for each learning rate and rank. */
    private List<LineChart> charts() {
        List<LineChart> charts = new ArrayList<>();
        TreeSet<Integer> ranks = new TreeSet<>();
        rows.forEach(row -> ranks.add(row.rank()));
        ranks.remove(0);
        for (double rate : rates) {
            for (int rank : ranks.isEmpty() ? List.of(0) : ranks) {
                charts.addAll(charts(rate, rank));
            }
        }
        return charts;
    }

    private List<LineChart> charts(double rate, int rank) {
        String of = ", η = " + Trial.rateText(rate);
        LineChart error = new LineChart("relative error" + of, "optimizer step", "‖ΔW − ΔW_full‖ / ‖ΔW_full‖").marked();
        LineChart cosine = new LineChart("cosine" + of, "optimizer step", "cosine").marked();
        LineChart layers = new LineChart("cosine by layer, first seed" + of, "linear layer, from the input", "cosine");
        // those that were run have the model's order, the best change that of its file
        Collection<List<DistanceRow>> groups = groups(rate);
        if (groups.isEmpty()) {
            // no run of this rate was looked at
            return List.of();
        }
        List<String> order = groups.iterator().next().get(0).last().layers().stream()
                .map(UpdateDistance.Layer::path)
                .toList();
        for (List<DistanceRow> group : groups) {
            DistanceRow first = group.get(0);
            if (first.rank() != rank && first.rank() != 0) {
                continue;
            }
            Curve errors = new Curve();
            Curve cosines = new Curve();
            for (long step : steps(group)) {
                errors.add(step, mean(group, step, UpdateDistance.Layer::relativeError));
                cosines.add(step, mean(group, step, UpdateDistance.Layer::cosine));
            }
            Curve byLayer = group.stream()
                    .filter(this::isWhole)
                    .findFirst()
                    .map(row -> cosines(row.last(), order))
                    .orElseGet(Curve::new);
            int variant = first.rank() == 0 ? 1 : 0;
            error.line(first.label(), first.method(), variant, errors);
            cosine.line(first.label(), first.method(), variant, cosines);
            layers.line(first.label(), first.method(), variant, byLayer);
        }
        return List.of(error, cosine, layers);
    }

    /** The cosine of each layer over its number, from 1, in an order that need not be that of the distances. */
    static Curve cosines(UpdateDistance distance, List<String> order) {
        Curve curve = new Curve();
        distance.layers().stream()
                .sorted(Comparator.comparingInt(layer -> order.indexOf(layer.path())))
                .forEach(layer -> curve.add(1 + order.indexOf(layer.path()), layer.cosine()));
        return curve;
    }

    private static Map<String, Object> tree(DistanceRow row) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("name", row.name());
        tree.put("rank", row.rank());
        tree.put("learning_rate", row.rate());
        tree.put("seed", row.seed());
        tree.put("test_score", Double.isFinite(row.score()) ? row.score() : null);
        tree.put("failure", row.failure());
        tree.put("skipped_steps", row.skipped());
        List<Map<String, Object>> steps = new ArrayList<>();
        row.bySteps().forEach((step, distance) -> steps.add(DistanceRecorder.tree(step, distance)));
        tree.put("distances", steps);
        return tree;
    }
}
