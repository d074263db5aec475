package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.Muon;
import org.loft4j.optim.MuonConfig;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * The full-rank limit (LoFT, arXiv 2505.21289, section 4): with {@code r = m = n} and invertible factors the trajectory of
 * {@code W = B·A} under LoFT-AdamW is that of AdamW on W. The problem: {@code G_t = (W − W*) + N_t} with N_t normal.
 */
final class FullRank implements Experiment {
    private static final int STEPS = 50;
    private static final int SIZE = 16;
    private static final double LEARNING_RATE = 1e-2;
    private static final double[] DECAYS = {0, 0.1};

    /** One comparison: its name, its curves by seed, and the largest deviation. */
    private record Outcome(String optimizer, double decay, List<double[]> curves) {
        double worst() {
            double worst = 0;
            for (double[] curve : curves) {
                for (double value : curve) {
                    // a deviation that is no number must not pass for a small one
                    worst = Double.isNaN(value) ? Double.NaN : Math.max(worst, value);
                }
            }
            return worst;
        }
    }

    /** The same start for W = B·A and for W. */
    @FunctionalInterface
    private interface Contest {
        MovingMatrix[] of(Tensor a, Tensor b, double decay);
    }

    private final int steps;
    private final List<Long> seeds;

    FullRank(ReproduceSettings settings) {
        steps = settings.stepsOr(STEPS);
        seeds = settings.seedsOr(0L, 1L, 2L);
    }

    @Override
    public Findings run(Consumer<String> say) {
        List<Outcome> outcomes = new ArrayList<>();
        for (double decay : DECAYS) {
            outcomes.add(outcome("AdamW", decay, FullRank::adamW));
        }
        for (double decay : DECAYS) {
            outcomes.add(outcome("Muon", decay, FullRank::muon));
        }
        return findings(outcomes);
    }

    private Outcome outcome(String optimizer, double decay, Contest contest) {
        return new Outcome(
                optimizer,
                decay,
                seeds.stream().map(seed -> deviations(seed, decay, contest)).toList());
    }

    private static MovingMatrix[] adamW(Tensor a, Tensor b, double decay) {
        LoftConfig loft = LoftConfig.defaults().withWeightDecay(decay);
        AdamWConfig full = AdamWConfig.defaults().withWeightDecay(decay);
        return new MovingMatrix[] {
            new FactoredMatrix(a, b, pair -> Loft.adamW(List.of(pair), loft)),
            new WholeMatrix(b.mm(a), parameters -> new AdamW(parameters, full))
        };
    }

    private static MovingMatrix[] muon(Tensor a, Tensor b, double decay) {
        MuonConfig full = new MuonConfig(MuonConfig.defaults().momentum(), decay);
        LoftConfig base = LoftConfig.defaults();
        LoftConfig loft = new LoftConfig(full.momentum(), base.beta2(), base.eps(), decay, base.damping());
        return new MovingMatrix[] {
            new FactoredMatrix(a, b, pair -> Loft.muon(List.of(pair), loft)),
            new WholeMatrix(b.mm(a), parameters -> new Muon(parameters, full))
        };
    }

    /** {@code ‖B·A − W‖ / ‖W‖} after each step. */
    private double[] deviations(long seed, double decay, Contest contest) {
        Seeds.manualSeed(Seeds.derive(seed, "full-rank", 0));
        double[] deviations = new double[steps];
        try (NativeScope scope = new NativeScope()) {
            MovingMatrix[] both = contest.of(wellConditioned(), wellConditioned(), decay);
            try (MovingMatrix factored = both[0];
                    MovingMatrix whole = both[1]) {
                Tensor target = randn();
                for (int step = 0; step < steps; step++) {
                    try (NativeScope each = new NativeScope()) {
                        Tensor noise = randn();
                        factored.step(factored.value().sub(target).add_(noise), LEARNING_RATE);
                        whole.step(whole.value().sub(target).add_(noise), LEARNING_RATE);
                        Tensor w = whole.value();
                        deviations[step] = factored.value().sub(w).norm().item_double()
                                / w.norm().item_double();
                    }
                }
            }
        }
        return deviations;
    }

    private static Tensor randn() {
        return torch.randn(new long[] {SIZE, SIZE}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }

    /** Twice an orthogonal matrix and a little more: the steps must not lead W, and so the factors, past a singular matrix. */
    private static Tensor wellConditioned() {
        Tensor orthogonal = torch.linalg_qr(randn()).get0();
        return orthogonal.add(randn().mul_(new Scalar(0.1 / Math.sqrt(SIZE)))).mul_(new Scalar(2.0));
    }

    private Findings findings(List<Outcome> outcomes) {
        List<List<String>> rows = new ArrayList<>();
        Map<String, Object> values = new LinkedHashMap<>();
        LineChart chart =
                new LineChart("factors at full rank against W itself", "optimizer step", "relative deviation").logY();
        Map<String, Double> worst = new LinkedHashMap<>();
        for (int i = 0; i < outcomes.size(); i++) {
            Outcome outcome = outcomes.get(i);
            String name = "LoFT-" + outcome.optimizer() + ", decay " + Numbers.plain(outcome.decay());
            rows.add(List.of(name, Numbers.power(outcome.worst())));
            worst.merge(outcome.optimizer(), outcome.worst(), Math::max);
            chart.line(
                    name,
                    "LoFT-" + outcome.optimizer(),
                    i % DECAYS.length,
                    curve(outcome.curves().get(0)));
            values.put(key(outcome), outcome.curves());
        }
        Map<String, Object> all = new LinkedHashMap<>();
        worst.forEach((optimizer, deviation) -> all.put(
                optimizer.equals("AdamW")
                        ? "max_relative_deviation"
                        : optimizer.toLowerCase(Locale.ROOT) + "_max_relative_deviation",
                deviation));
        all.put("relative_deviation_by_step", values);
        return new Findings(
                "LoFT at full rank",
                List.of(
                        "W = B·A with r = m = n and invertible factors, moved by LoFT, beside W moved by the optimizer that"
                                + " LoFT follows, on the same noisy gradients of ½‖W − W*‖². The deviation is ‖B·A − W‖ / ‖W‖, the"
                                + " largest over the steps and the seeds."),
                settings(),
                List.of(new FindingsTable("Largest relative deviation", List.of("optimizer", "deviation"), rows)),
                new Figure("relative deviation of B·A from W over the steps, first seed", List.of(chart), 1),
                List.of(),
                all);
    }

    private static String key(Outcome outcome) {
        return outcome.optimizer().toLowerCase(Locale.ROOT) + "_decay_" + Numbers.plain(outcome.decay());
    }

    private static Curve curve(double[] values) {
        Curve curve = new Curve();
        for (int i = 0; i < values.length; i++) {
            curve.add(i + 1, values[i]);
        }
        return curve;
    }

    private Map<String, Object> settings() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("m = n = r", SIZE);
        map.put("steps", steps);
        map.put("learning rate", LEARNING_RATE);
        map.put("dtype", Dtype.F64.torchName());
        map.put("seeds", seeds);
        return map;
    }
}
