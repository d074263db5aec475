package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;

/** The pictures of a summary. Contenders without a rank stand in the chart of every rank. */
final class SummaryCharts {
    private static final int COLUMNS = 2;
    /** The training loss is smoothed over this share of the steps. */
    private static final double SMOOTHING = 0.1;

    private final Summary summary;
    private final String metric;

    SummaryCharts(Summary summary) {
        this.summary = summary;
        this.metric = summary.metric();
    }

    /** The validation score over the learning rate, a chart for each rank; null where only one rate was tried. */
    @Nullable
    Figure learningRates() {
        List<LineChart> charts = new ArrayList<>();
        for (int rank : ranks()) {
            LineChart chart = new LineChart(
                            "validation " + Metric.title(metric) + suffix(rank), "learning rate", title())
                    .logX()
                    .marked();
            standings(rank)
                    .forEach(standing -> chart.line(standing.entry().contender().title(), overRates(standing.entry())));
            charts.add(chart);
        }
        boolean swept = summary.standings().stream().anyMatch(standing -> standing.edge() != BestRate.Edge.ALONE);
        return swept
                ? new Figure(
                        "validation " + Metric.title(metric) + " over the learning rate"
                                + bars(summary.sweep().size() > 1 || summary.folds() > 0),
                        charts,
                        COLUMNS)
                : null;
    }

    /** Training loss, of answers that rewards judge their mean reward, and validation score over the steps, each at its best rate. */
    Figure learningCurves() {
        boolean rewarded =
                summary.results().stream().anyMatch(run -> !run.reward().isEmpty());
        List<LineChart> charts = new ArrayList<>();
        for (int rank : ranks()) {
            String learnt = rewarded ? "reward" : "loss";
            LineChart training = new LineChart(
                            "training " + learnt + ", smoothed" + suffix(rank), "optimizer step", learnt)
                    .fromZero();
            LineChart score = new LineChart(
                            "validation " + Metric.title(metric) + suffix(rank), "optimizer step", title())
                    .fromZero()
                    .marked();
            boolean several = false;
            for (Standing standing : standings(rank)) {
                List<TrialResult> runs = summary.runs(standing);
                String method = standing.entry().contender().title();
                Curve trained = mean(runs.stream()
                        .map(rewarded ? TrialResult::reward : TrialResult::loss)
                        .toList());
                training.line(
                        label(standing),
                        method,
                        0,
                        trained.smoothed(Math.max(1, SMOOTHING * trained.x().size())));
                Curve judged = mean(
                        runs.stream().map(run -> run.evaluationCurve(metric)).toList());
                several |= judged.x().size() > 1;
                score.line(label(standing), method, 0, judged);
            }
            charts.add(training);
            if (several) {
                charts.add(score);
            }
        }
        return new Figure("learning curves at each method's best learning rate", charts, COLUMNS);
    }

    /** The test score over the rank, each at its best rate; null where there is only one rank. */
    @Nullable
    Figure overRanks() {
        List<Integer> ranks = ranks();
        if (ranks.size() < 2) {
            return null;
        }
        LineChart score = overRanks(metric);
        LineChart other = overRanks(summary.otherMetric());
        Map<Contender, List<Standing>> byContender = new LinkedHashMap<>();
        summary.standings()
                .forEach(standing -> byContender
                        .computeIfAbsent(standing.entry().contender(), key -> new ArrayList<>())
                        .add(standing));
        byContender.forEach((contender, standings) -> {
            Curve scores = new Curve();
            Curve others = new Curve();
            for (Standing standing : standings) {
                int own = standing.entry().rank();
                for (int rank : own == 0 ? ranks : List.of(own)) {
                    scores.add(rank, standing.test().mean(), standing.test().deviation());
                    others.add(rank, standing.other().mean(), standing.other().deviation());
                }
            }
            score.line(contender.title(), scores);
            other.line(contender.title(), others);
        });
        boolean several = summary.standings().stream()
                .anyMatch(standing -> standing.test().count() > 1);
        return new Figure(
                summary.judged() + " scores over the rank" + bars(several),
                Metric.isError(summary.otherMetric()) ? List.of(score) : List.of(score, other),
                COLUMNS);
    }

    /** What bars are, where there are some. */
    private String bars(boolean several) {
        return several
                ? "; bars: ± the standard deviation over the " + (summary.folds() > 0 ? "folds and seeds" : "seeds")
                : "";
    }

    private LineChart overRanks(String score) {
        return new LineChart(summary.judged() + " " + Metric.title(score), "rank", Metric.title(score))
                .logX()
                .marked();
    }

    /** Ranks that were run; only 0 where no contender has one. */
    private List<Integer> ranks() {
        TreeSet<Integer> ranks = new TreeSet<>();
        summary.standings().forEach(standing -> ranks.add(standing.entry().rank()));
        if (ranks.size() > 1) {
            ranks.remove(0);
        }
        return List.copyOf(ranks);
    }

    private List<Standing> standings(int rank) {
        return summary.standings().stream()
                .filter(standing ->
                        standing.entry().rank() == rank || standing.entry().rank() == 0)
                .toList();
    }

    private String suffix(int rank) {
        return rank == 0 ? "" : ", rank " + rank;
    }

    private String title() {
        return Metric.title(metric);
    }

    /** A line that is the mean of runs some of which have none says so. */
    static String label(Standing standing) {
        return standing.entry().contender().title()
                + (standing.failed() > 0 ? " (" + standing.failed() + " of " + standing.runs() + " failed)" : "");
    }

    /** Over the seeds that every rate was tried with; a rate at which one of them failed has no point, as it is never the best. */
    Curve overRates(Trial.Entry entry) {
        TreeMap<Double, List<Double>> scores = new TreeMap<>();
        summary.results().stream()
                .filter(result -> result.trial().entry().equals(entry))
                .filter(result -> summary.sweep().contains(result.trial().seed()))
                .forEach(result -> scores.computeIfAbsent(result.trial().rate(), rate -> new ArrayList<>())
                        .add(result.validation(metric)));
        scores.values().removeIf(values -> !values.stream().allMatch(Double::isFinite));
        Curve curve = new Curve();
        scores.forEach((rate, values) -> {
            Sample sample = Sample.of(values);
            curve.add(rate, sample.mean(), sample.deviation());
        });
        return curve;
    }

    /** Where some curves have no point, the mean is that of the others. */
    private static Curve mean(List<Curve> curves) {
        TreeMap<Double, List<Double>> points = new TreeMap<>();
        for (Curve curve : curves) {
            for (int i = 0; i < curve.x().size(); i++) {
                points.computeIfAbsent(curve.x().get(i), x -> new ArrayList<>())
                        .add(Objects.requireNonNull(curve.y().get(i)));
            }
        }
        Curve mean = new Curve();
        points.forEach((x, values) -> mean.add(x, Sample.of(values).mean()));
        return mean;
    }
}
