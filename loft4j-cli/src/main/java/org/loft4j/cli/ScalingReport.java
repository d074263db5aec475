package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.loft4j.cli.bench.BenchModel;
import org.loft4j.cli.bench.CostFit;
import org.loft4j.cli.bench.CostModel;
import org.loft4j.cli.bench.ScalingBench;
import org.loft4j.cli.bench.ScalingBench.MatrixCost;
import org.loft4j.cli.bench.ScalingBench.StepCost;
import org.loft4j.cli.report.Machine;
import org.loft4j.cli.report.Table;

/** What {@code loft bench --scaling} shows: what was measured beside what was fitted to it, and what that foretells of large models. */
final class ScalingReport {
    /** Of LoRA's step, beyond which a way back is named. */
    private static final double BOUND = 0.1;

    private static final List<BenchModel> LARGE = List.of(CostModel.SEVEN_BILLION, CostModel.SEVENTY_BILLION);
    private static final List<Integer> RANKS = List.of(1, 2, 4, 8, 16, 32, 64);
    private static final List<Integer> TOKENS = List.of(1024, 2048, 4096, 16_384);

    private final ScalingBench.Result measured;
    private final CostModel fitted;

    ScalingReport(ScalingBench.Result measured) {
        this.measured = measured;
        this.fitted = CostModel.of(measured);
    }

    private static BenchModel withTokens(BenchModel model, int tokens) {
        return model.withBatch(tokens / model.sequence());
    }

    String text() {
        StringBuilder text = new StringBuilder();
        Table matrices = new Table(">m×n", ">r", ">LoFT ms", ">fitted", ">AdamW of the factors");
        for (MatrixCost cost : measured.matrices()) {
            matrices.row(
                    cost.outputs() + "×" + cost.inputs(),
                    "" + cost.rank(),
                    milliseconds(cost.loft()),
                    milliseconds(fitted.loft(cost)),
                    milliseconds(cost.adamW()));
        }
        text.append("The optimizer for one matrix, while each core is at one; LoFT within ")
                .append(percent(fitted.loft().largestDeviation()))
                .append(" of what is fitted:\n\n")
                .append(matrices);
        Table steps = new Table(">hidden", ">layers", ">tokens", ">LoRA s", ">fitted", ">LoFT beyond it", ">foretold");
        for (StepCost cost : measured.steps()) {
            steps.row(
                    "" + cost.model().config().sizes().hiddenSize(),
                    "" + cost.model().config().sizes().layers(),
                    "" + cost.model().tokens(),
                    String.format(Locale.ROOT, "%.3f", cost.lora()),
                    String.format(Locale.ROOT, "%.3f", fitted.loraStep(cost.model(), ScalingBench.RANK)),
                    percent(cost.overhead()),
                    percent(fitted.overhead(cost.model(), ScalingBench.RANK)));
        }
        text.append("\nA LoRA step at rank 16, within ")
                .append(percent(fitted.loraStep().largestDeviation()))
                .append(
                        " of what is fitted; and LoFT's optimizer beyond LoRA's in parts of it, beside what single matrices"
                                + " foretell:\n\n")
                .append(steps);
        text.append("\nForetold, LoFT beyond a LoRA step, and in memory:\n\n").append(foretold());
        text.append("""

                Where that is more than 10 %, so many tokens a step bring it back (--batch-size, --accumulate);
                or a lower --rank, or --method loft-simple, which has no cross terms. --loft-cross-terms bfloat16
                halves the memory.
                """);
        return text.toString();
    }

    private Table foretold() {
        List<String> headings = new ArrayList<>(List.of("model", ">r"));
        TOKENS.forEach(tokens -> headings.add(">" + Quantities.count(tokens) + " tokens"));
        headings.add(">tokens for 10 %");
        headings.add(">memory");
        Table table = new Table(headings.toArray(String[]::new));
        for (BenchModel model : LARGE) {
            for (int rank : RANKS) {
                List<String> row = new ArrayList<>(List.of(model.word(), "" + rank));
                for (int tokens : TOKENS) {
                    row.add(percent(fitted.overhead(withTokens(model, tokens), rank)));
                }
                row.add(Quantities.count(fitted.tokensFor(model, rank, BOUND)));
                row.add(Quantities.bytes(Math.round(CostModel.stateBeyond(model, rank))));
                table.row(row.toArray(String[]::new));
            }
        }
        return table;
    }

    Map<String, Object> tree() {
        List<Map<String, Object>> matrices = new ArrayList<>();
        for (MatrixCost cost : measured.matrices()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("m", cost.outputs());
            one.put("n", cost.inputs());
            one.put("rank", cost.rank());
            one.put("loft", cost.loft());
            one.put("fitted", fitted.loft(cost));
            one.put("adamw_of_the_factors", cost.adamW());
            matrices.add(one);
        }
        List<Map<String, Object>> steps = new ArrayList<>();
        for (StepCost cost : measured.steps()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("model", cost.model().describe());
            one.put("tokens", cost.model().tokens());
            one.put("lora", cost.lora());
            one.put("fitted", fitted.loraStep(cost.model(), ScalingBench.RANK));
            one.put("overhead", cost.overhead());
            one.put("foretold", fitted.overhead(cost.model(), ScalingBench.RANK));
            steps.add(one);
        }
        List<Map<String, Object>> foretold = new ArrayList<>();
        for (BenchModel model : LARGE) {
            for (int rank : RANKS) {
                Map<String, Object> overheads = new LinkedHashMap<>();
                for (int tokens : TOKENS) {
                    overheads.put("" + tokens, fitted.overhead(withTokens(model, tokens), rank));
                }
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("model", model.word());
                one.put("rank", rank);
                one.put("overhead_at_tokens", overheads);
                one.put("tokens_for_ten_percent", fitted.tokensFor(model, rank, BOUND));
                one.put("state_bytes_beyond_lora", Math.round(CostModel.stateBeyond(model, rank)));
                foretold.add(one);
            }
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("machine", Machine.described());
        tree.put("product_gflops", measured.productRate());
        tree.put("matrices", matrices);
        tree.put("steps", steps);
        tree.put("fits", fits());
        tree.put("foretold", foretold);
        return tree;
    }

    private Map<String, Object> fits() {
        Map<String, Object> fits = new LinkedHashMap<>();
        Map<String, CostFit> all = new LinkedHashMap<>();
        all.put("loft_matrix", fitted.loft());
        all.put("adamw_matrix", fitted.adamW());
        all.put("lora_step", fitted.loraStep());
        all.forEach((name, fit) ->
                fits.put(name, Map.of("seconds_per", fit.prices(), "largest_deviation", fit.largestDeviation())));
        return fits;
    }

    private static String milliseconds(double seconds) {
        return String.format(Locale.ROOT, "%.3g", 1e3 * seconds);
    }

    private static String percent(double part) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * part);
    }
}
