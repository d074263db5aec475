package org.loft4j.bench;

import java.util.Collections;
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
 * One optimizer step on the factors of one matrix, or of several alike: LoFT, LoFT-simple, which keeps no second moment of W,
 * and LoFT by the {@link CubeStep}, as the equations read. Several go in lanes, by either way.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "-Dorg.bytedeco.javacpp.nopointergc=true")
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

    private @Nullable Pairs all;

    /** Random factors with random gradients. */
    @Setup(Level.Trial)
    public void open() {
        all = new Pairs(method, Collections.nCopies(pairs, new Pairs.Shape(m, n)), r);
    }

    /** What a backward pass would leave. */
    @Setup(Level.Invocation)
    public void backward() {
        java.util.Objects.requireNonNull(all).giveGradients();
    }

    /** Norm and update, without the pass that makes the gradients. */
    @Benchmark
    public double step() {
        return java.util.Objects.requireNonNull(all).step();
    }

    /** Frees factors and state. */
    @TearDown(Level.Trial)
    public void close() {
        if (all != null) {
            all.close();
        }
    }
}
