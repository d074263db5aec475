package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Sample;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.train.Method;

/** What alpha does: LoRA's results depend on it, LoFT's must not (LoFT, arXiv 2505.21289: no scaling factor to tune). */
final class AlphaPlan implements TaskExperiment.Plan {
    private static final List<Integer> ALL = List.of(1, 2, 4, 8, 16, 32, 64);
    private static final List<Integer> SOME = List.of(1, 8, 64);

    private final ReproduceSettings settings;

    AlphaPlan(ReproduceSettings settings) {
        this.settings = settings;
    }

    private List<Integer> alphas() {
        return settings.quick() ? SOME : ALL;
    }

    @Override
    public List<Contender> contenders() {
        List<Contender> contenders = new ArrayList<>();
        alphas().forEach(alpha -> contenders.add(Contender.parse("lora:alpha=" + alpha)));
        SOME.forEach(alpha -> contenders.add(Contender.parse("loft:alpha=" + alpha)));
        return contenders;
    }

    @Override
    public List<Integer> ranks() {
        return settings.ranksOr(4);
    }

    @Override
    public Findings findings(TaskResults results) {
        List<LineChart> charts = results.scores().stream()
                .map(score -> chart("test " + Metric.title(score), Metric.title(score)))
                .toList();
        Map<String, Object> spread = new LinkedHashMap<>();
        for (Method method : List.of(Method.LOFT, Method.LORA)) {
            List<TaskResults.Cell> cells = results.cells().stream()
                    .filter(cell -> cell.entry().contender().method() == method)
                    .toList();
            int line = 0;
            for (int rank : ranks()) {
                for (double rate : rates(cells)) {
                    String name = method.title() + (ranks().size() > 1 ? ", rank " + rank : "") + ", η = "
                            + Trial.rateText(rate);
                    List<TaskResults.Cell> along = cells.stream()
                            .filter(cell -> cell.entry().rank() == rank && cell.rate() == rate)
                            .toList();
                    Map<String, Double> range = new LinkedHashMap<>();
                    for (int i = 0; i < charts.size(); i++) {
                        String score = results.scores().get(i);
                        charts.get(i).line(name, method.title(), line, curve(along, score));
                        range.put(score, range(along, score));
                    }
                    line++;
                    spread.put(name, range);
                }
            }
        }
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("range_over_alpha", spread);
        values.put("results", results.trees());
        return new Findings(
                "What alpha does",
                List.of(
                        "The adapter is scaled by alpha / rank. LoRA's steps depend on alpha; LoFT's change of the weights does"
                                + " not, up to rounding."),
                results.described(),
                List.of(new FindingsTable(
                        "After the last step",
                        results.headings(),
                        results.cells().stream().map(results::row).toList())),
                new Figure("test " + String.join(" and ", results.scores()) + " over alpha", charts, 2),
                notes(results),
                values);
    }

    private static List<String> notes(TaskResults results) {
        List<String> notes = new ArrayList<>(results.notes());
        notes.add("range_over_alpha in the JSON file is the largest mean over alpha less the smallest.");
        return notes;
    }

    private static LineChart chart(String title, String quantity) {
        return new LineChart(title, "alpha", quantity).logX().marked();
    }

    private static TreeSet<Double> rates(List<TaskResults.Cell> cells) {
        TreeSet<Double> rates = new TreeSet<>();
        cells.forEach(cell -> rates.add(cell.rate()));
        return rates;
    }

    private static double alpha(TaskResults.Cell cell) {
        return Double.parseDouble(cell.entry().contender().options().getOrDefault("alpha", "NaN"));
    }

    private static Curve curve(List<TaskResults.Cell> cells, String score) {
        Curve curve = new Curve();
        cells.stream()
                .sorted(java.util.Comparator.comparingDouble(AlphaPlan::alpha))
                .forEach(cell -> {
                    Sample sample = cell.over(run -> run.test(score));
                    curve.add(alpha(cell), sample.mean(), sample.deviation());
                });
        return curve;
    }

    private static double range(List<TaskResults.Cell> cells, String score) {
        var means = cells.stream()
                .mapToDouble(cell -> cell.over(run -> run.test(score)).mean())
                .summaryStatistics();
        return means.getMax() - means.getMin();
    }
}
