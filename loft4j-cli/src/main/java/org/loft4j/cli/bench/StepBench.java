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
     * @param rounds that were timed
     * @param medians by contestant; overLora is the median of the ratios to LoRA's step of the same round
     * @param productRate of a large square product, float32, in GFLOP/s: median of the rounds
     * @param shareOfOwnProducts what the model's own products by themselves reach of it, median of the rounds
     * @param shareOfProductRate of LoRA's step: its operations over its seconds and the rate of the same round, median
     */
    public record Result(
            int rounds,
            Map<String, Medians> medians,
            double productRate,
            double shareOfOwnProducts,
            double shareOfProductRate) {}

    /** What a round took: a step of each, LoRA's first, and in GFLOP/s the products after them. */
    private record Round(List<Seconds> steps, double ownProductRate, double productRate) {}

    /** @param contestants of which LoRA is the first */
    public Result run(List<Contestant> contestants) {
        return run(contestants, Double.POSITIVE_INFINITY);
    }

    /**
     * As many of the rounds as end within some seconds, if each takes as long as the one before it; one is timed whatever it takes.
     *
     * @param contestants of which LoRA is the first
     */
    public Result run(List<Contestant> contestants, double seconds) {
        long start = System.nanoTime();
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
            return measure(runs, seconds - since(start));
        } finally {
            runs.values().forEach(BenchRun::close);
            shared.values().forEach(CausalDecoder::close);
            own.forEach(CausalDecoder::close);
        }
    }

    private Result measure(Map<String, BenchRun> runs, double seconds) {
        List<String> names = List.copyOf(runs.keySet());
        List<BenchRun> inTurn = List.copyOf(runs.values());
        List<Round> timed = new ArrayList<>();
        long start = System.nanoTime();
        for (int round = -WARM_UP; round < rounds; round++) {
            long began = System.nanoTime();
            // not timed: the first, too, comes after the one before it, and not after the products and the pause behind
            // them
            inTurn.get(inTurn.size() - 1).step();
            List<Seconds> taken = inTurn.stream().map(BenchRun::step).toList();
            if (round >= 0) {
                timed.add(new Round(taken, inTurn.get(0).ownProductRate(), BenchRun.productRate()));
            }
            double left = seconds - since(start);
            // a round to warm up and one that is timed come first
            if (round < 0 && left < 2 * since(began)) {
                round = -1;
            } else if (round >= 0 && left < since(began)) {
                break;
            }
        }
        return result(names, timed);
    }

    private Result result(List<String> names, List<Round> timed) {
        Seconds[] lora = steps(timed, 0);
        Map<String, Medians> medians = new LinkedHashMap<>();
        for (int i = 0; i < names.size(); i++) {
            medians.put(names.get(i), medians(steps(timed, i), lora));
        }
        double flops = shape.loraStepFlops(rank);
        return new Result(
                timed.size(),
                medians,
                median(timed, Round::productRate),
                median(timed, round -> round.ownProductRate() / round.productRate()),
                median(timed, round -> flops / (round.steps().get(0).total() * round.productRate() * 1e9)));
    }

    private static Seconds[] steps(List<Round> timed, int contestant) {
        return timed.stream().map(round -> round.steps().get(contestant)).toArray(Seconds[]::new);
    }

    private static double since(long start) {
        return (System.nanoTime() - start) / 1e9;
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

    private static double median(List<Round> timed, ToDoubleFunction<Round> part) {
        return median(timed.stream().mapToDouble(part).toArray());
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
