package org.loft4j.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Attention;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeHeap;
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
 * Causal attention of one layer, forward and back or forward alone, in two lanes that have 1024 tokens each or a longer row, with
 * memory that is kept as a training keeps it: ours, and libtorch's fused kernel, to which keys and values go once for each head of
 * queries.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class AttentionBenchmark {
    private static final int LANES = 2;
    private static final long TOKENS = 1024;

    /** Heads of queries / heads of keys and values × size of a head: the bench model, Qwen2.5-0.5B, Llama-3.2-1B, Llama-3-8B. */
    @Param({"8/8x64", "14/2x64", "32/8x64", "32/8x128"})
    public String heads = "8/8x64";

    /** Tokens of a row. */
    @Param({"128", "256", "512", "1024", "2048", "4096"})
    public long length;

    /** Whose attention. */
    @Param({"ours", "fused"})
    public String kernel = "ours";

    /** Of the heads. */
    @Param("float32")
    public String dtype = "float32";

    private record Layer(Tensor query, Tensor key, Tensor value, Tensor direction) {}

    private final List<Layer> layers = new ArrayList<>();
    private long group;
    private NativeHeap.@Nullable Training memory;

    /** Random heads and a random gradient for each lane. */
    @Setup(Level.Trial)
    public void open() {
        String[] sizes = heads.split("[/x]");
        long queries = Long.parseLong(sizes[0]);
        long keys = Long.parseLong(sizes[1]);
        long headDim = Long.parseLong(sizes[2]);
        group = queries / keys;
        NativeHeap.Training kept = NativeHeap.layApart();
        memory = kept;
        for (int i = 0; i < LANES; i++) {
            layers.add(new Layer(
                    leaf(queries, headDim), leaf(keys, headDim), leaf(keys, headDim), random(queries * headDim)));
        }
        kept.keepFreed();
    }

    private Tensor leaf(long count, long headDim) {
        Tensor leaf = random(count, headDim);
        leaf.set_requires_grad(true);
        return leaf;
    }

    private Tensor random(long... width) {
        long[] shape = new long[2 + width.length];
        shape[0] = Math.max(1, TOKENS / length);
        shape[1] = length;
        System.arraycopy(width, 0, shape, 2, width.length);
        try (NativeScope scope = new NativeScope()) {
            Tensor exact = torch.randn(shape, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            return NativeScope.keep(exact.to(Dtype.parse("dtype", dtype).scalarType()));
        }
    }

    /** One layer. */
    @Benchmark
    public void layer() {
        Lanes.run(LANES, i -> {
            try (NativeScope scope = new NativeScope()) {
                Layer layer = layers.get(i);
                attend(layer).backward(layer.direction, new BoolOptional(), false, new TensorArrayRefOptional());
            }
        });
    }

    /** One layer, as an evaluation or a prompt takes it. */
    @Benchmark
    public void forward() {
        Lanes.run(LANES, i -> {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                attend(layers.get(i)).numel();
            }
        });
    }

    private Tensor attend(Layer layer) {
        double scale = 1 / Math.sqrt(layer.query.size(3));
        if (kernel.equals("ours")) {
            return Attention.attend(layer.query, layer.key, layer.value, null, true, 0, scale);
        }
        Tensor attended = torch.scaled_dot_product_attention(
                layer.query.transpose(1, 2),
                forEach(layer.key),
                forEach(layer.value),
                new TensorOptional(),
                0,
                true,
                new DoubleOptional(scale),
                false);
        return attended.transpose(1, 2).flatten(2, 3);
    }

    private Tensor forEach(Tensor x) {
        Tensor each = x.unsqueeze(3).expand(-1, -1, -1, group, -1).flatten(2, 3);
        return each.transpose(1, 2);
    }

    /** Frees all. */
    @TearDown(Level.Trial)
    public void close() {
        for (Layer layer : layers) {
            layer.query.close();
            layer.key.close();
            layer.value.close();
            layer.direction.close();
        }
        layers.clear();
        AutogradFunction.sweep();
        if (memory != null) {
            memory.close();
        }
    }
}
