package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * Linear attention by the {@link GatedDeltaRule}, as Qwen 3.5 and Qwen3-Next have it; Yang, Kautz and Hatamizadeh 2024 (arXiv:2412.06464), figure
 * 1: queries, keys and values go through a short causal convolution, of each channel by itself, and an activation; queries and
 * keys are made unit vectors; what the rule yields is normed head by head and gated. Between the linear layers all is computed in
 * float32, or float64 in a float64 model.
 *
 * <p>A generated token costs the same however long the text is: the cache holds the memory of the rule, and the last inputs of
 * the convolution.
 *
 * @param layer number of the block, from 0
 * @param shape sizes
 * @param projection from the hidden states
 * @param convolution {@code (channels, 1, kernel)}, over queries, keys and values
 * @param logRate {@code A_log} {@code (valueHeads)}
 * @param decayBias {@code dt_bias} {@code (valueHeads)}
 * @param norm of each head
 * @param output from the heads to the hidden states
 */
public record GatedDeltaNet(
        int layer,
        Shape shape,
        DeltaProjection projection,
        Tensor convolution,
        Tensor logRate,
        Tensor decayBias,
        Norm norm,
        Linear output)
        implements RecurrentMixer {
    private static final double SMALL = 1e-6;

    /**
     * What does not depend on the input.
     *
     * @param keyHeads heads of queries and of keys
     * @param valueHeads a multiple of them, by which they are repeated
     * @param keyDim size of a head of queries and keys
     * @param valueDim size of a head of values
     * @param activation behind the convolution
     */
    public record Shape(int keyHeads, int valueHeads, int keyDim, int valueDim, Activation activation) {
        /** Queries, keys and values of all heads. */
        public long channels() {
            return 2L * keyHeads * keyDim + values();
        }

        /** Values of all heads. */
        public long values() {
            return (long) valueHeads * valueDim;
        }
    }

    @Override
    public Attended forward(Tensor x, LayerPass pass) {
        Tensor seen = pass.tokens() == null ? x : x.mul(pass.tokens());
        DeltaProjection.Made made = projection.project(seen, shape);
        Tensor heads = MemoryPass.apply(
                this::inOne,
                List.of(made.queryKeyValue(), made.strength(), made.decay()),
                List.of(convolution, logRate, decayBias),
                pass);
        Tensor open = torch.silu(MemoryPass.wide(made.gate())).view(heads.sizes());
        Tensor gated = norm.forward(heads).mul(open).to(x.scalar_type());
        return new Attended(output.forward(gated.flatten(2, 3)), null);
    }

    /**
     * What the rule yields, {@code (batch, seq, valueHeads, valueDim)} in the type of the model.
     *
     * @param made what the linear layers but the gate make: {@code (batch, seq, channels)}, and twice {@code (batch, seq, valueHeads)}
     */
    private Tensor inOne(List<Tensor> made, List<Tensor> parameters, @Nullable KeyValueCache cache) {
        try (NativeScope scope = new NativeScope()) {
            Tensor further = made.get(0);
            KeyValueCache.State before = cache == null ? null : cache.state(layer);
            Tensor kernel = parameters.get(0);
            Tensor inputs = ShortConvolution.inputs(further, kernel, before);
            Tensor mixed = shape.activation()
                    .apply(ShortConvolution.apply(MemoryPass.wide(inputs), MemoryPass.wide(kernel), null));
            long keys = (long) shape.keyHeads() * shape.keyDim();
            Tensor query = unit(keyHeads(mixed.narrow(-1, 0, keys))).mul(new Scalar(1 / Math.sqrt(shape.keyDim())));
            Tensor key = unit(keyHeads(mixed.narrow(-1, keys, keys)));
            Tensor value = mixed.narrow(-1, 2 * keys, mixed.size(-1) - 2 * keys)
                    .unflatten(-1, shape.valueHeads(), shape.valueDim());
            Tensor fading = torch.softplus(MemoryPass.wide(made.get(2)).add(MemoryPass.wide(parameters.get(2))))
                    .mul(MemoryPass.wide(parameters.get(1)).exp().neg());
            Tensor strong = torch.sigmoid(MemoryPass.wide(made.get(1)));
            GatedDeltaRule.Result result = GatedDeltaRule.apply(
                    repeated(query), repeated(key), value, fading, strong, before == null ? null : before.memory());
            if (cache != null) {
                cache.put(layer, ShortConvolution.last(inputs, kernel), result.memory(), further.size(1));
            }
            // no view: what is computed outside autograd is led into it
            Tensor own = torch.empty(result.output().sizes().vec().get(), further.options(), null);
            return scope.toEnclosing(own.copy_(result.output()));
        }
    }

    @Override
    public long keptNumbers(boolean back) {
        return shape.channels() + (back ? 5 : 4) * output.inFeatures();
    }

    /**
     * Of the convolution and its parts, of the heads as they are cut into chunks, of the scores within them, and of the memory before
     * each chunk.
     */
    @Override
    public long insideNumbers(long columns) {
        long channels = shape.channels();
        long keys = (long) shape.valueHeads() * shape.keyDim();
        long values = shape.values();
        long scores = shape.valueHeads() * MemoryChunks.TOKENS;
        // whole chunks have theirs among the numbers of the heads
        long memory = 4 * (remembered() / MemoryChunks.tokens(columns) - remembered() / MemoryChunks.TOKENS);
        return 6 * channels + 13 * keys + 12 * values + 10 * scores + memory;
    }

    @Override
    public long remembered() {
        return (long) shape.valueHeads() * shape.keyDim() * shape.valueDim();
    }

    private Tensor keyHeads(Tensor x) {
        return x.unflatten(-1, shape.keyHeads(), shape.keyDim());
    }

    private static Tensor unit(Tensor x) {
        return x.mul(x.mul(x)
                .sum(new long[] {-1}, true, new ScalarTypeOptional())
                .add(new Scalar(SMALL))
                .rsqrt());
    }

    /** A head of queries or keys for each of values, those of the same one beside each other. */
    private Tensor repeated(Tensor x) {
        long times = shape.valueHeads() / shape.keyHeads();
        return times == 1
                ? x
                : x.unsqueeze(3)
                        .expand(x.size(0), x.size(1), x.size(2), times, x.size(3))
                        .flatten(2, 3);
    }

    @Override
    public List<Linear> linears() {
        List<Linear> all = new ArrayList<>(projection.linears());
        all.add(output);
        return all;
    }
}
