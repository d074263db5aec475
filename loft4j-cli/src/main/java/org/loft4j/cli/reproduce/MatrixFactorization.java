package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * The paper's matrix factorisation (LoFT, arXiv 2505.21289): {@code f(W) = ‖W − W*‖²_F} with a target of rank 8, from W = 0, by
 * full AdamW on W and by low-rank methods at rank 8, all at the same learning rates.
 */
final class MatrixFactorization implements Experiment {
    /** Mean squared errors below this are float32's rounding: methods that are there have converged. */
    static final double FLOOR = 1e-12;

    private static final int FIRST_COMPARED_STEP = 50;

    /** Shape of the problem. */
    record Shape(int m, int n, int rank, int steps) {
        /** The paper's. */
        static final Shape PAPER = new Shape(1024, 512, 8, 300);
    }

    /** The mean squared error before the first step and after each step, by seed. */
    record Run(MatrixContestant contestant, double learningRate, List<double[]> losses) {
        /** The geometric mean over the seeds of the last loss. */
        double finalLoss() {
            double sum = 0;
            for (double[] loss : losses) {
                sum += Math.log(loss[loss.length - 1]);
            }
            return Math.exp(sum / losses.size());
        }
    }

    private final Shape shape;
    private final List<Long> seeds;
    private final List<Double> rates;

    MatrixFactorization(ReproduceSettings settings) {
        this(
                new Shape(Shape.PAPER.m, Shape.PAPER.n, Shape.PAPER.rank, settings.stepsOr(Shape.PAPER.steps)),
                settings.seedsOr(settings.quick() ? new Long[] {0L} : new Long[] {0L, 1L, 2L}),
                settings.learningRatesOr(0.03, 0.1, 0.3, 1.0));
    }

    MatrixFactorization(Shape shape, List<Long> seeds, List<Double> rates) {
        this.shape = shape;
        this.seeds = seeds;
        this.rates = rates;
    }

    @Override
    public Findings run(Consumer<String> say) {
        List<Run> runs = new ArrayList<>();
        for (MatrixContestant contestant : MatrixContestant.values()) {
            say.accept(contestant.title() + ": " + shape.steps + " steps at each of " + rates.size()
                    + " learning rates, " + seeds.size() + " seeds");
            for (double rate : rates) {
                runs.add(new Run(
                        contestant,
                        rate,
                        seeds.stream()
                                .map(seed -> losses(contestant, rate, seed))
                                .toList()));
            }
        }
        return findings(runs);
    }

    private double[] losses(MatrixContestant contestant, double rate, long seed) {
        Seeds.manualSeed(Seeds.derive(seed, "matrix-factorization", 0));
        double[] losses = new double[shape.steps + 1];
        try (NativeScope scope = new NativeScope()) {
            Tensor target = randn(shape.m, shape.rank).mm(randn(shape.rank, shape.n));
            Tensor a = torch.rand(new long[] {shape.rank, shape.n}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .sub_(new Scalar(0.5))
                    .mul_(new Scalar(2 / Math.sqrt(shape.n)));
            Tensor zero = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, shape.m, shape.n);
            try (MovingMatrix w = contestant.start(a, zero)) {
                for (int step = 0; step <= shape.steps; step++) {
                    try (NativeScope each = new NativeScope()) {
                        Tensor error = w.value().sub(target);
                        losses[step] = error.square().mean().item_double();
                        if (step < shape.steps) {
                            w.step(error.mul_(new Scalar(2.0)), rate);
                        }
                    }
                }
            }
        }
        return losses;
    }

    private static Tensor randn(long rows, long columns) {
        return torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
    }

    /**
     * The largest ratio of two loss curves from step 50 on; what lies below the floor counts as the floor. Not a number where they
     * end before.
     */
    static double maxRatio(double[] loss, double[] reference) {
        double worst = loss.length > FIRST_COMPARED_STEP ? 0 : Double.NaN;
        for (int step = FIRST_COMPARED_STEP; step < loss.length; step++) {
            double ratio = Math.max(loss[step], FLOOR) / Math.max(reference[step], FLOOR);
            // a loss that is no number must not pass for a small one
            worst = Double.isNaN(ratio) ? Double.POSITIVE_INFINITY : Math.max(worst, ratio);
        }
        return worst;
    }

    private Findings findings(List<Run> runs) {
        List<List<String>> rows = new ArrayList<>();
        Map<String, Map<String, Double>> finals = new LinkedHashMap<>();
        Map<String, Map<String, List<double[]>>> curves = new LinkedHashMap<>();
        for (MatrixContestant contestant : MatrixContestant.values()) {
            List<String> row = new ArrayList<>(List.of(contestant.title()));
            for (double rate : rates) {
                Run run = find(runs, contestant, rate);
                row.add(Numbers.power(run.finalLoss()));
                finals.computeIfAbsent(contestant.word(), word -> new LinkedHashMap<>())
                        .put(Numbers.plain(rate), run.finalLoss());
                curves.computeIfAbsent(contestant.word(), word -> new LinkedHashMap<>())
                        .put(Numbers.plain(rate), run.losses());
            }
            rows.add(row);
        }
        Map<String, Map<String, Double>> ratios = new LinkedHashMap<>();
        for (MatrixContestant contestant : List.of(MatrixContestant.LOFT, MatrixContestant.TANGENT)) {
            List<String> row = new ArrayList<>(List.of(contestant.title() + " / full AdamW, largest from step 50 on"));
            for (double rate : rates) {
                double ratio = maxRatio(find(runs, contestant, rate), find(runs, MatrixContestant.FULL, rate));
                ratios.computeIfAbsent(contestant.word(), word -> new LinkedHashMap<>())
                        .put(Numbers.plain(rate), ratio);
                row.add(
                        Double.isNaN(ratio)
                                ? "–"
                                : ratio < 0.01 || ratio >= 1000 ? Numbers.power(ratio) : Numbers.fixed(ratio, 2));
            }
            rows.add(row);
        }
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("final_loss", finals);
        values.put("max_ratio_from_step_50", ratios);
        values.put("ratio_floor", FLOOR);
        values.put("loss_by_seed_and_step", curves);
        List<String> headings = new ArrayList<>(List.of("method"));
        rates.forEach(rate -> headings.add("η = " + Numbers.plain(rate)));
        return new Findings(
                "LoFT on a matrix factorisation",
                List.of("f(W) = ‖W − W*‖² with a random W* of rank " + shape.rank
                        + ", from W = 0 (for factors: B = 0), by"
                        + " each method at the same constant learning rate η. No decay, no clipping, no warm-up."),
                settings(),
                List.of(new FindingsTable("Mean squared error after " + shape.steps + " steps", headings, rows)),
                new Figure("mean squared error over the steps, first seed", charts(runs), 2),
                List.of("Errors are geometric means over the seeds; the ratio is the largest over the seeds. Below "
                        + Numbers.power(FLOOR)
                        + ", where float32 rounds, a method counts as converged: the ratio takes a"
                        + " smaller error as " + Numbers.power(FLOOR) + "."),
                values);
    }

    private static double maxRatio(Run run, Run reference) {
        double worst = 0;
        for (int i = 0; i < run.losses().size(); i++) {
            worst = Math.max(
                    worst, maxRatio(run.losses().get(i), reference.losses().get(i)));
        }
        return worst;
    }

    private static Run find(List<Run> runs, MatrixContestant contestant, double rate) {
        return runs.stream()
                .filter(run -> run.contestant() == contestant && run.learningRate() == rate)
                .findFirst()
                .orElseThrow();
    }

    private List<LineChart> charts(List<Run> runs) {
        List<LineChart> charts = new ArrayList<>();
        for (double rate : rates) {
            LineChart chart = new LineChart(
                            "learning rate " + Numbers.plain(rate), "optimizer step", "mean squared error")
                    .logY();
            for (MatrixContestant contestant : MatrixContestant.values()) {
                Curve curve = new Curve();
                double[] loss = find(runs, contestant, rate).losses().get(0);
                for (int step = 0; step < loss.length; step++) {
                    curve.add(step, loss[step]);
                }
                chart.line(contestant.title(), curve);
            }
            charts.add(chart);
        }
        return charts;
    }

    private Map<String, Object> settings() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("m, n", shape.m + ", " + shape.n);
        map.put("rank of the target and of the factors", shape.rank);
        map.put("entries of the target", "sums of " + shape.rank + " products of two standard normals");
        map.put("steps", shape.steps);
        map.put("betas, epsilon", "0.9, 0.999, 1e-8");
        map.put("dtype", Dtype.F32.torchName());
        map.put("learning rates", rates);
        map.put("seeds", seeds);
        return map;
    }
}
