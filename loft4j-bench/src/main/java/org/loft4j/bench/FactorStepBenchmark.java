package org.loft4j.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One optimizer step on the factors of one matrix, or of several alike: LoFT, LoFT-simple, which keeps no second moment of W,
 * and LoFT by the {@link CubeStep}, as the equations read. Several go in lanes, by either way.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class FactorStepBenchmark {
    /** Outputs. */
    @Param({"512", "2048"})
    public int m;

    /** Inputs. */
    @Param({"512", "2048"})
    public int n;

    /** Rank. */
    @Param({"4", "16"})
    public int r;

    /** {@code moments} is LoFT without block 5: scaled gradients, both moments carried over, and their update. */
    @Param({"loft", "loft-simple", "moments", "cube"})
    public String method = "loft";

    /** Matrices. */
    @Param({"1", "8"})
    public int pairs = 1;

    private final List<Tensor> leaves = new ArrayList<>();
    private final List<CubeStep> cubes = new ArrayList<>();
    private @Nullable Optimizer optimizer;

    /** Random factors with random gradients, which stay. */
    @Setup(Level.Trial)
    public void open() {
        try (NativeScope scope = new NativeScope()) {
            List<LowRankPair> all = new ArrayList<>();
            for (int i = 0; i < pairs; i++) {
                all.add(new LowRankPair("w" + i, leaf(r, n), leaf(m, r), 1));
            }
            switch (method) {
                case "loft" -> optimizer = Loft.adamW(all, LoftConfig.defaults());
                case "moments" ->
                    optimizer = Loft.adamW(all, LoftConfig.defaults().without(LoftBlock.PROJECTED_UPDATE));
                case "loft-simple" -> optimizer = Loft.simple(all, LoftConfig.defaults());
                default -> all.forEach(pair -> cubes.add(new CubeStep(pair.loraA(), pair.loraB())));
            }
        }
    }

    private Tensor leaf(long rows, long columns) {
        Tensor leaf =
                NativeScope.keep(torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU)));
        leaf.set_requires_grad(true);
        leaf.mutable_grad().put(torch.randn_like(leaf));
        leaves.add(leaf);
        return leaf;
    }

    /** Norm and update, without the pass that makes the gradients. */
    @Benchmark
    public double step() {
        try (NativeScope scope = new NativeScope()) {
            if (!cubes.isEmpty()) {
                double[] norms = new double[cubes.size()];
                Lanes.run(cubes.size(), i -> norms[i] = cubes.get(i).step(1e-4));
                return Arrays.stream(norms).sum();
            }
            Optimizer moved = java.util.Objects.requireNonNull(optimizer);
            double norm = moved.squaredGradNorm();
            moved.step(1e-4, 1);
            return norm;
        }
    }

    /** Frees factors and state. */
    @TearDown(Level.Trial)
    public void close() {
        if (optimizer != null) {
            optimizer.close();
        }
        cubes.forEach(CubeStep::close);
        cubes.clear();
        leaves.forEach(Tensor::close);
        leaves.clear();
    }
}
