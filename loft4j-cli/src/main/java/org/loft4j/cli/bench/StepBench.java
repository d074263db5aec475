package org.loft4j.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.loft4j.cli.bench.BenchRun.Seconds;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.Dtype;

/**
 * Times the steps of several contestants in turn (A B C A B C …) in this process, so that what else the machine does hits all of
 * them alike, and measures the rate of a product between the rounds.
 */
public final class StepBench {
    private static final int WARM_UP = 2;

    private final BenchModel shape;
    private final int rank;
    private final int rounds;

    public StepBench(BenchModel shape, int rank, int rounds) {
        this.shape = shape;
        this.rank = rank;
        this.rounds = rounds;
    }

    /** Medians over the rounds, in seconds. */
    public record Medians(double step, double forward, double backward, double optimizer, double overLora) {}

    /**
     * What was measured.
     *
     * @param medians by contestant; overLora is the median of the ratios to LoRA's step of the same round
     * @param productRate of a large square product, float32, in GFLOP/s: median of the rounds
     * @param shareOfOwnProducts what the model's own products by themselves reach of it, median of the rounds
     * @param shareOfProductRate of LoRA's step: its operations over its seconds and the rate of the same round, median
     */
    public record Result(
            Map<String, Medians> medians, double productRate, double shareOfOwnProducts, double shareOfProductRate) {}

    /** @param contestants of which LoRA is the first */
    public Result run(List<Contestant> contestants) {
        Map<String, BenchRun> runs = new LinkedHashMap<>();
        Map<Dtype, CausalDecoder> shared = new EnumMap<>(Dtype.class);
        List<CausalDecoder> own = new ArrayList<>();
        try {
            for (Contestant contestant : contestants) {
                CausalDecoder model;
                if (contestant.method().usesAdapter()) {
                    model = shared.computeIfAbsent(contestant.base(), shape::open);
                } else {
                    model = shape.open(contestant.base());
                    own.add(model);
                }
                runs.put(contestant.name(), new BenchRun(shape, model, contestant, rank));
            }
            return measure(runs);
        } finally {
            runs.values().forEach(BenchRun::close);
            shared.values().forEach(CausalDecoder::close);
            own.forEach(CausalDecoder::close);
        }
    }

    private Result measure(Map<String, BenchRun> runs) {
        List<String> names = List.copyOf(runs.keySet());
        List<BenchRun> inTurn = List.copyOf(runs.values());
        Seconds[][] taken = new Seconds[names.size()][rounds];
        double[] rates = new double[rounds];
        double[] ownShares = new double[rounds];
        for (int round = -WARM_UP; round < rounds; round++) {
            // not timed: the first, too, comes after the one before it, and not after the products and the pause behind
            // them
            inTurn.get(inTurn.size() - 1).step();
            for (int i = 0; i < taken.length; i++) {
                Seconds seconds = inTurn.get(i).step();
                if (round >= 0) {
                    taken[i][round] = seconds;
                }
            }
            if (round >= 0) {
                double own = inTurn.get(0).ownProductRate();
                rates[round] = BenchRun.productRate();
                ownShares[round] = own / rates[round];
            }
        }
        // LoRA is the first
        Map<String, Medians> medians = new LinkedHashMap<>();
        for (int i = 0; i < taken.length; i++) {
            medians.put(names.get(i), medians(taken[i], taken[0]));
        }
        double[] shares = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            shares[round] = shape.loraStepFlops(rank) / (taken[0][round].total() * rates[round] * 1e9);
        }
        return new Result(medians, median(rates), median(ownShares), median(shares));
    }

    static Medians medians(Seconds[] taken, Seconds[] lora) {
        double[] ratios = new double[taken.length];
        for (int round = 0; round < ratios.length; round++) {
            ratios[round] = taken[round].total() / lora[round].total();
        }
        return new Medians(
                median(taken, Seconds::total),
                median(taken, Seconds::forward),
                median(taken, Seconds::backward),
                median(taken, Seconds::optimizer),
                median(ratios));
    }

    private static double median(Seconds[] taken, ToDoubleFunction<Seconds> part) {
        return median(Arrays.stream(taken).mapToDouble(part).toArray());
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
