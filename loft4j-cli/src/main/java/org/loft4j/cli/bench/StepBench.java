package org.loft4j.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.loft4j.cli.bench.BenchRun.Seconds;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;

/**
 * Times the steps of several contestants in turn (A B C A B C …) in this process, so that what else the machine does hits all of
 * them alike, and measures the rate of a product between the rounds.
 */
public final class StepBench {
    /** LoRA on a bfloat16 base, beside the methods. */
    public static final String LORA_BF16 = "lora, bfloat16";

    /** LoFT whose second moment is kept in bfloat16. */
    public static final String LOFT_HALF = "loft, bfloat16 cross terms";

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

    /** @param methods without LoRA, which is always first */
    public Result run(List<Method> methods, boolean bfloat16) {
        Map<String, BenchRun> runs = new LinkedHashMap<>();
        List<CausalDecoder> models = new ArrayList<>();
        try {
            CausalDecoder shared = add(models, Dtype.F32);
            runs.put(Method.LORA.word(), new BenchRun(shape, shared, Method.LORA, rank, Dtype.F32));
            for (Method method : methods) {
                CausalDecoder model = method.usesAdapter() ? shared : add(models, Dtype.F32);
                runs.put(method.word(), new BenchRun(shape, model, method, rank, Dtype.F32));
            }
            if (methods.contains(Method.LOFT)) {
                runs.put(LOFT_HALF, new BenchRun(shape, shared, Method.LOFT, rank, Dtype.BF16));
            }
            if (bfloat16) {
                runs.put(LORA_BF16, new BenchRun(shape, add(models, Dtype.BF16), Method.LORA, rank, Dtype.F32));
            }
            return measure(runs);
        } finally {
            runs.values().forEach(BenchRun::close);
            models.forEach(CausalDecoder::close);
        }
    }

    private CausalDecoder add(List<CausalDecoder> models, Dtype dtype) {
        CausalDecoder model = shape.open(dtype);
        models.add(model);
        return model;
    }

    private Result measure(Map<String, BenchRun> runs) {
        List<String> names = List.copyOf(runs.keySet());
        List<BenchRun> inTurn = List.copyOf(runs.values());
        Seconds[][] taken = new Seconds[names.size()][rounds];
        double[] rates = new double[rounds];
        double[] ownShares = new double[rounds];
        for (int round = -WARM_UP; round < rounds; round++) {
            for (int i = 0; i < taken.length; i++) {
                Seconds seconds = inTurn.get(i).step();
                if (round >= 0) {
                    taken[i][round] = seconds;
                }
            }
            if (round >= 0) {
                double own = inTurn.get(0).ownProductRate();
                rates[round] = BenchRun.productRate(Dtype.F32);
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

    private static Medians medians(Seconds[] taken, Seconds[] lora) {
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

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
