package org.loft4j.bench;

import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Inference;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
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

/** Rows times a matrix of 8192×2048 in few bits, as an answer is generated and as a step goes forward. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class QuantizedProductBenchmark {
    private static final long OUT = 8192;
    private static final long IN = 2048;

    /** Of the matrix. */
    @Param({"8bit", "4bit"})
    public String loadIn = "8bit";

    /** Of the rows. */
    @Param({"bfloat16", "float32"})
    public String dtype = "bfloat16";

    /** How many. */
    @Param({"1", "4", "8", "64"})
    public long rows = 1;

    private @Nullable QuantizedWeight weight;
    private @Nullable Tensor x;

    /** A random matrix and random rows. */
    @Setup(Level.Trial)
    public void open() {
        Dtype type = Dtype.parse("dtype", dtype);
        try (NativeScope scope = new NativeScope()) {
            Tensor dense = torch.randn(new long[] {OUT, IN}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .mul_(new Scalar(0.02));
            weight = QuantizedWeight.of(LoadIn.parse(loadIn), dense, type, false);
            x = NativeScope.keep(torch.randn(new long[] {rows, IN}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(type.scalarType()));
        }
    }

    /** As in generating. */
    @Benchmark
    public long answer() {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            return product();
        }
    }

    /** As in a step. */
    @Benchmark
    public long step() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return product();
        }
    }

    private long product() {
        return Objects.requireNonNull(weight)
                .product(Objects.requireNonNull(x), null)
                .numel();
    }

    /** Frees both. */
    @TearDown(Level.Trial)
    public void close() {
        Objects.requireNonNull(weight).close();
        Objects.requireNonNull(x).close();
    }
}
