package org.loft4j.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
 * One optimizer step on all pairs of the model of {@code loft bench} (hidden 512, intermediate 1408, 8 layers), beside the same by
 * the {@link CubeStep}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = "-Dorg.bytedeco.javacpp.nopointergc=true")
public class OptimizerStepBenchmark {
    private static final int LAYERS = 8;

    /** Rank. */
    @Param({"4", "16"})
    public int r;

    /** As equations read, or as the product does it. */
    @Param({"loft", "cube"})
    public String method = "loft";

    private @Nullable Pairs pairs;

    /** Random factors with random gradients. */
    @Setup(Level.Trial)
    public void open() {
        List<Pairs.Shape> shapes = new ArrayList<>();
        // q, k, v, o; gate and up; down
        shapes.addAll(Collections.nCopies(4 * LAYERS, new Pairs.Shape(512, 512)));
        shapes.addAll(Collections.nCopies(2 * LAYERS, new Pairs.Shape(1408, 512)));
        shapes.addAll(Collections.nCopies(LAYERS, new Pairs.Shape(512, 1408)));
        pairs = new Pairs(method, shapes, r);
    }

    /** What a backward pass would leave. */
    @Setup(Level.Invocation)
    public void backward() {
        java.util.Objects.requireNonNull(pairs).giveGradients();
    }

    /** Norm and update, without the pass that makes the gradients. */
    @Benchmark
    public double step() {
        return java.util.Objects.requireNonNull(pairs).step();
    }

    /** Frees factors and state. */
    @TearDown(Level.Trial)
    public void close() {
        if (pairs != null) {
            pairs.close();
        }
    }
}
