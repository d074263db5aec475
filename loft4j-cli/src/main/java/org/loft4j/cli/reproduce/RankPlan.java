package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Sample;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.train.Method;

/** What the rank does: LoFT and LoRA at several ranks beside full fine-tuning, each at its best learning rate of those tried. */
final class RankPlan implements TaskExperiment.Plan {
    private final ReproduceSettings settings;

    RankPlan(ReproduceSettings settings) {
        this.settings = settings;
    }

    @Override
    public List<Contender> contenders() {
        return List.of(Contender.of(Method.FULL), Contender.of(Method.LOFT), Contender.of(Method.LORA));
    }

    @Override
    public List<Integer> ranks() {
        return settings.ranksOr(settings.quick() ? new Integer[] {1, 16} : new Integer[] {1, 2, 4, 8, 16});
    }

    @Override
    public Findings findings(TaskResults results) {
        List<List<String>> best = new ArrayList<>();
        Set<String> without = new LinkedHashSet<>();
        List<LineChart> charts = results.scores().stream().map(RankPlan::chart).toList();
        for (Contender contender : contenders()) {
            List<Curve> curves = charts.stream().map(chart -> new Curve()).toList();
            for (int rank : ranks()) {
                // full fine-tuning has no rank: the same result all along
                boolean adapts = contender.method().usesAdapter();
                Trial.Entry entry = new Trial.Entry(contender, adapts ? rank : 0);
                TaskResults.Cell cell = results.best(contender.name(), entry.rank());
                if (cell == null) {
                    without.add(entry.title());
                    continue;
                }
                if (adapts || rank == ranks().get(0)) {
                    best.add(results.row(cell));
                }
                for (int i = 0; i < charts.size(); i++) {
                    String score = results.scores().get(i);
                    add(curves.get(i), rank, cell.over(run -> run.test(score)));
                }
            }
            for (int i = 0; i < charts.size(); i++) {
                charts.get(i).line(contender.title(), curves.get(i));
            }
        }
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("results", results.trees());
        return new Findings(
                "What the rank does",
                List.of(
                        "LoFT and LoRA at several ranks, and full fine-tuning, which has none. Where several learning rates were"
                                + " tried, each method and rank is shown at the one with the best validation score."),
                results.described(),
                List.of(new FindingsTable("At the best learning rate, after the last step", results.headings(), best)),
                new Figure("test " + String.join(" and ", results.scores()) + " over the rank", charts, 2),
                notes(results, without),
                values);
    }

    /** @param without what has no row */
    private static List<String> notes(TaskResults results, Set<String> without) {
        List<String> notes = new ArrayList<>(results.notes());
        if (!without.isEmpty()) {
            notes.add("At no learning rate was every seed trained to its end, so there is no best one: "
                    + String.join("; ", without) + ".");
        }
        return notes;
    }

    private static LineChart chart(String score) {
        return new LineChart("test " + Metric.title(score), "rank", Metric.title(score))
                .logX()
                .marked();
    }

    private static void add(Curve curve, int rank, Sample sample) {
        curve.add(rank, sample.mean(), sample.deviation());
    }
}
