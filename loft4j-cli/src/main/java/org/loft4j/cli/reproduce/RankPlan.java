package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Sample;
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
        LineChart score = chart(results.metric());
        LineChart loss = chart("loss");
        for (Contender contender : contenders()) {
            Curve scores = new Curve();
            Curve losses = new Curve();
            for (int rank : ranks()) {
                // full fine-tuning has no rank: the same result all along
                boolean adapts = contender.method().usesAdapter();
                TaskResults.Cell cell = results.best(contender.name(), adapts ? rank : 0);
                if (cell == null) {
                    continue;
                }
                if (adapts || rank == ranks().get(0)) {
                    best.add(results.row(cell));
                }
                add(scores, rank, cell.over(run -> run.test(results.metric())));
                add(losses, rank, cell.over(run -> run.test("loss")));
            }
            score.line(contender.title(), scores);
            loss.line(contender.title(), losses);
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
                new Figure("test score and loss over the rank", List.of(score, loss), 2),
                List.of("Mean ± standard deviation over the seeds."),
                values);
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
