package org.loft4j.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.cli.bench.BenchModel.Matrix;
import org.loft4j.cli.bench.StepBench.Medians;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.Method;

/**
 * What LoFT's optimizer takes for single matrices, over rank and size, and what whole steps take over tokens, layers and width: what
 * {@link CostModel} is fitted to.
 */
public final class ScalingBench {
    public static final int RANK = 16;

    private static final List<Integer> RANKS = List.of(1, 2, 4, 8, 16, 32, 64);
    private static final List<Matrix> MATRICES = List.of(
            new Matrix(512, 512),
            new Matrix(512, 2048),
            new Matrix(2048, 512),
            new Matrix(1024, 1024),
            new Matrix(4096, 4096),
            new Matrix(8192, 2048),
            new Matrix(2048, 8192),
            new Matrix(8192, 8192));

    /** Elements of all matrices that a core goes through before it is back at the first, so that none is still in a cache. */
    private static final double ROUND = 1 << 22;

    private static final int REPETITIONS = 7;

    /**
     * Seconds a matrix, while each core is at one: the mean of a step of B and one of A.
     *
     * @param loft by LoFT's optimizer, with the norm of the gradients
     * @param adamW by LoRA's
     */
    public record MatrixCost(long outputs, long inputs, int rank, double loft, double adamW) {}

    /**
     * Of a model at rank {@value #RANK}.
     *
     * @param lora seconds of a step
     * @param overhead of LoFT's optimizer over LoRA's, in parts of that
     */
    public record StepCost(BenchModel model, double lora, double overhead) {}

    /**
     * All that was measured.
     *
     * @param productRate of a large square product, float32, in GFLOP/s: the best of the models' runs
     */
    public record Result(List<MatrixCost> matrices, List<StepCost> steps, double productRate) {}

    private ScalingBench() {}

    /**
     * @param rounds steps of each kind that are timed
     * @param progress is told what comes next
     */
    public static Result run(int rounds, Consumer<String> progress) {
        List<MatrixCost> matrices = new ArrayList<>();
        // not kept: the first of all waits for libraries to be loaded and code to be compiled
        cost(new Matrix(2048, 2048), RANK);
        for (int rank : RANKS) {
            progress.accept("one matrix of 2048×2048, r = " + rank);
            matrices.add(cost(new Matrix(2048, 2048), rank));
        }
        for (Matrix matrix : MATRICES) {
            for (int rank : new int[] {4, RANK, 64}) {
                progress.accept("one matrix of " + matrix.outputs() + "×" + matrix.inputs() + ", r = " + rank);
                matrices.add(cost(matrix, rank));
            }
        }
        List<StepCost> steps = new ArrayList<>();
        double rate = 0;
        for (BenchModel model : models()) {
            progress.accept(model.describe());
            StepBench.Result result =
                    new StepBench(model, RANK, rounds).run(List.of(Contestant.LORA, Contestant.of(Method.LOFT)));
            Medians lora = Objects.requireNonNull(result.medians().get(Contestant.LORA.name()));
            Medians loft = Objects.requireNonNull(
                    result.medians().get(Contestant.of(Method.LOFT).name()));
            steps.add(new StepCost(model, lora.step(), (loft.optimizer() - lora.optimizer()) / lora.step()));
            rate = Math.max(rate, result.productRate());
        }
        return new Result(List.copyOf(matrices), List.copyOf(steps), rate);
    }

    /** The bench model with fewer and more tokens and layers, and wider ones. */
    private static List<BenchModel> models() {
        List<BenchModel> models = new ArrayList<>();
        for (int rows : new int[] {2, 4, 8, 16}) {
            models.add(BenchModel.BENCH.withBatch(rows));
        }
        for (int layers : new int[] {2, 4, 16}) {
            models.add(model(512, layers, 8, 1408, 4));
        }
        models.add(model(1024, 4, 16, 2816, 4));
        models.add(model(2048, 2, 16, 5632, 2));
        models.add(model(2048, 2, 16, 5632, 4));
        return models;
    }

    private static BenchModel model(long hidden, int layers, int heads, long width, int rows) {
        return new BenchModel("", LlamaConfig.of(8192, hidden, layers, heads, heads, width, 256), rows, 256);
    }

    private static MatrixCost cost(Matrix matrix, int rank) {
        int count = Engine.threads() * (int) Math.max(1, Math.min(16, ROUND / matrix.elements()));
        List<Tensor> leaves = new ArrayList<>();
        try (NativeScope scope = new NativeScope()) {
            List<LowRankPair> pairs = new ArrayList<>();
            List<NamedParameter> factors = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                Tensor a = leaf(rank, matrix.inputs(), leaves);
                Tensor b = leaf(matrix.outputs(), rank, leaves);
                pairs.add(new LowRankPair("w" + i, a, b, 1));
                factors.add(new NamedParameter("a" + i, a));
                factors.add(new NamedParameter("b" + i, b));
            }
            double atOnce = (double) count / Engine.threads();
            try (Optimizer loft = Loft.adamW(pairs, LoftConfig.defaults());
                    Optimizer adamW = new AdamW(factors, AdamWConfig.defaults())) {
                return new MatrixCost(
                        matrix.outputs(),
                        matrix.inputs(),
                        rank,
                        seconds(loft, leaves) / atOnce,
                        seconds(adamW, leaves) / atOnce);
            }
        } finally {
            leaves.forEach(Tensor::close);
        }
    }

    private static Tensor leaf(long rows, long columns, List<Tensor> leaves) {
        Tensor leaf =
                NativeScope.keep(torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU)));
        leaf.set_requires_grad(true);
        leaves.add(leaf);
        return leaf;
    }

    /** Of one step: the median of pairs of steps, since a step of LoFT moves one factor, the next the other. */
    private static double seconds(Optimizer optimizer, List<Tensor> leaves) {
        double[] taken = new double[REPETITIONS];
        for (int i = -1; i < REPETITIONS; i++) {
            double both = step(optimizer, leaves) + step(optimizer, leaves);
            if (i >= 0) {
                taken[i] = both / 2;
            }
        }
        return StepBench.median(taken);
    }

    /** Seconds of one step on random gradients. */
    private static double step(Optimizer optimizer, List<Tensor> leaves) {
        try (NativeScope scope = new NativeScope()) {
            leaves.forEach(leaf -> leaf.mutable_grad().put(torch.randn_like(leaf)));
            long start = System.nanoTime();
            optimizer.squaredGradNorm();
            optimizer.step(1e-4, 1);
            return (System.nanoTime() - start) / 1e9;
        }
    }
}
