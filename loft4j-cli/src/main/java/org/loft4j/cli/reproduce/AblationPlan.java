package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.optim.LoftBlock;
import org.loft4j.train.Method;

/** LoFT, each of its six blocks left out by itself, LoFT-simple, and what the authors' published code does. */
final class AblationPlan implements TaskExperiment.Plan {
    private final ReproduceSettings settings;

    AblationPlan(ReproduceSettings settings) {
        this.settings = settings;
    }

    @Override
    public List<Contender> contenders() {
        List<Contender> contenders = new ArrayList<>(List.of(Contender.of(Method.LOFT)));
        for (LoftBlock block : LoftBlock.values()) {
            contenders.add(Contender.parse("loft:without=" + block.word() + ":label=LoFT without "
                    + block.word().replace('-', ' ')));
        }
        contenders.add(Contender.of(Method.LOFT_SIMPLE));
        contenders.add(Contender.parse("loft:reference=true:label=LoFT, published code"));
        return contenders;
    }

    @Override
    public List<Integer> ranks() {
        return settings.ranksOr(4);
    }

    @Override
    public Findings findings(TaskResults results) {
        boolean several = results.of(Method.LOFT.word()).size() > 1;
        LineChart chart = new LineChart(
                "training loss, smoothed, first seed" + (several ? ", lowest rank and rate" : ""),
                "optimizer step",
                "loss");
        List<List<String>> rows = new ArrayList<>();
        int variant = 0;
        for (Contender contender : contenders()) {
            for (TaskResults.Cell cell : results.of(contender.name())) {
                rows.add(results.row(cell));
            }
            List<TaskResults.Cell> cells = results.of(contender.name());
            if (!cells.isEmpty()) {
                TrialResult first = cells.get(0).runs().get(0);
                Curve loss = first.loss();
                chart.line(
                        contender.title(),
                        contender.title(),
                        contender.name().equals(Method.LOFT.word()) ? 0 : variant++ % 4 + 1,
                        loss.smoothed(Math.max(1, loss.x().size() / 20.0)));
            }
        }
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("results", results.trees());
        return new Findings(
                "LoFT, block by block",
                List.of(
                        "LoFT, and LoFT with one of its six blocks left out, LoFT-simple (second moment in factor space), and"
                                + " what the authors' published code does (ε = 1e-4 and the traps that docs/loft.md lists). The learning rate is"
                                + " each method's default where none was asked for."),
                results.described(),
                List.of(new FindingsTable("After the last step", results.headings(), rows)),
                new Figure("training loss over the steps", List.of(chart), 1),
                results.notes(),
                values);
    }
}
