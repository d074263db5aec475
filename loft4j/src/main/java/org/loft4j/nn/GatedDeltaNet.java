package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * Linear attention by the {@link GatedDeltaRule}, as Qwen 3.5 has it; Yang, Kautz and Hatamizadeh 2024 (arXiv:2412.06464), figure
 * 1: queries, keys and values go through a short causal convolution, of each channel by itself, and an activation; queries and
 * keys are made unit vectors; what the rule yields is normed head by head and gated. Between the linear layers all is computed in
 * float32, or float64 in a float64 model.
 *
 * <p>A generated token costs the same however long the text is: the cache holds the memory of the rule, and the last inputs of
 * the convolution.
 *
 * @param layer number of the block, from 0
 * @param shape sizes
 * @param queryKeyValue makes queries, keys and values, one behind the other
 * @param gate of what the rule yields
 * @param strength how far a value is corrected, one number a head, before its sigmoid
 * @param decay how fast the memory fades, one number a head
 * @param convolution {@code (channels, 1, kernel)}, over what {@code queryKeyValue} makes
 * @param logRate {@code A_log} {@code (valueHeads)}
 * @param decayBias {@code dt_bias} {@code (valueHeads)}
 * @param norm of each head
 * @param output from the heads to the hidden states
 */
public record GatedDeltaNet(
        int layer,
        Shape shape,
        Linear queryKeyValue,
        Linear gate,
        Linear strength,
        Linear decay,
        Tensor convolution,
        Tensor logRate,
        Tensor decayBias,
        Norm norm,
        Linear output)
        implements TokenMixer {
    private static final double SMALL = 1e-6;

    /** Tokens that the rule is applied to at a time, but for a row that has more: it bounds what is held beside the layers. */
    public static final long MOST_TOKENS = 1 << 12;

    /**
     * What does not depend on the input.
     *
     * @param keyHeads heads of queries and of keys
     * @param valueHeads a multiple of them, by which they are repeated
     * @param keyDim size of a head of queries and keys
     * @param valueDim size of a head of values
     * @param activation behind the convolution
     */
    public record Shape(int keyHeads, int valueHeads, int keyDim, int valueDim, Activation activation) {}

    /**
     * What the linear layers make of some tokens, and the parameters that are none of linear layers.
     *
     * @param queryKeyValue {@code (batch, seq, channels)}
     * @param strength {@code (batch, seq, valueHeads)}
     * @param decay the same
     */
    private record Made(
            Tensor queryKeyValue, Tensor strength, Tensor decay, Tensor convolution, Tensor logRate, Tensor decayBias) {
        static Made of(List<Tensor> all) {
            return new Made(all.get(0), all.get(1), all.get(2), all.get(3), all.get(4), all.get(5));
        }

        /** Texts {@code (1, seq, …)} as rows, with zeros behind all but the longest. */
        static Made together(List<Made> texts) {
            if (texts.size() == 1) {
                return texts.get(0);
            }
            Made first = texts.get(0);
            return new Made(
                    rows(texts, Made::queryKeyValue),
                    rows(texts, Made::strength),
                    rows(texts, Made::decay),
                    first.convolution,
                    first.logRate,
                    first.decayBias);
        }

        private static Tensor rows(List<Made> texts, Function<Made, Tensor> part) {
            Tensor[] rows =
                    texts.stream().map(text -> part.apply(text).squeeze(0)).toArray(Tensor[]::new);
            return torch.pad_sequence(new TensorVector(rows), true, 0.0, "right");
        }

        List<Tensor> all() {
            return List.of(queryKeyValue, strength, decay, convolution, logRate, decayBias);
        }

        List<Made> split(long[] sizes, long dimension) {
            if (sizes.length == 1) {
                return List.of(this);
            }
            TensorVector inputs = queryKeyValue.split_with_sizes(sizes, dimension);
            TensorVector strengths = strength.split_with_sizes(sizes, dimension);
            TensorVector decays = decay.split_with_sizes(sizes, dimension);
            List<Made> parts = new ArrayList<>();
            for (int i = 0; i < sizes.length; i++) {
                parts.add(new Made(inputs.get(i), strengths.get(i), decays.get(i), convolution, logRate, decayBias));
            }
            return parts;
        }
    }

    @Override
    public Attended forward(Tensor x, LayerPass pass) {
        Tensor seen = pass.tokens() == null ? x : x.mul(pass.tokens());
        List<Tensor> layers = Linear.forwardAll(List.of(queryKeyValue, gate, strength, decay), seen);
        Made made = new Made(layers.get(0), layers.get(2), layers.get(3), convolution, logRate, decayBias);
        Tensor heads = remembered(made, pass);
        Tensor open = torch.silu(wide(layers.get(1))).view(heads.sizes());
        Tensor gated = norm.forward(heads).mul(open).to(x.scalar_type());
        return new Attended(output.forward(gated.flatten(2, 3)), null);
    }

    /**
     * {@code (batch, seq, valueHeads, valueDim)} in the type of the model. The rule would keep many times what the linear layers
     * make for the backward pass, and takes a small part of their time: it is computed once more there, for some rows at a time;
     * packed texts are such rows, each with a memory of its own. A cache carries the memory from one part of a prompt to the next.
     */
    private Tensor remembered(Made made, LayerPass pass) {
        KeyValueCache cache = pass.cache();
        if (pass.segments() != null) {
            return packed(made, pass.segments());
        }
        long rows = made.queryKeyValue().size(0);
        long columns = made.queryKeyValue().size(1);
        int cut = cache == null ? 0 : 1;
        List<Made> parts = made.split(cache == null ? parts(rows, columns) : parts(columns, rows), cut);
        TensorVector each = new TensorVector(parts.size());
        for (int i = 0; i < parts.size(); i++) {
            each.put(i, ofRows(parts.get(i), cache));
        }
        return parts.size() == 1 ? each.get(0) : torch.cat(each, cut);
    }

    private Tensor ofRows(Made rows, @Nullable KeyValueCache cache) {
        return ActivationCheckpoint.ofPart(again -> inOne(Made.of(again), cache), rows.all());
    }

    /** How many of something are gone through at a time, each of which has so many tokens. */
    private static long[] parts(long all, long tokens) {
        long some = Math.max(1, MOST_TOKENS / tokens);
        long[] sizes = new long[Math.toIntExact((all + some - 1) / some)];
        Arrays.fill(sizes, some);
        sizes[sizes.length - 1] = all - some * (sizes.length - 1);
        return sizes;
    }

    /** Packed texts as rows with zeros behind, which no token before them hears of. */
    private Tensor packed(Made made, long[] segments) {
        List<Made> texts = made.split(segments, 1);
        TensorVector each = new TensorVector(segments.length);
        int from = 0;
        while (from < segments.length) {
            int to = from + 1;
            long longest = segments[from];
            while (to < segments.length && Math.max(longest, segments[to]) * (to + 1 - from) <= MOST_TOKENS) {
                longest = Math.max(longest, segments[to]);
                to++;
            }
            Tensor rows = ofRows(Made.together(texts.subList(from, to)), null);
            for (int i = from; i < to; i++) {
                each.put(i, rows.narrow(0, i - from, 1).narrow(1, 0, segments[i]));
            }
            from = to;
        }
        return torch.cat(each, 1);
    }

    private Tensor inOne(Made made, @Nullable KeyValueCache cache) {
        try (NativeScope scope = new NativeScope()) {
            Tensor further = made.queryKeyValue();
            long length = further.size(1);
            long past = made.convolution().size(2) - 1;
            KeyValueCache.State before = cache == null ? null : cache.state(layer);
            Tensor inputs = before == null
                    ? torch.constant_pad_nd(further, 0, 0, past, 0)
                    : torch.cat(new TensorVector(before.inputs(), further), 1);
            Tensor mixed = shape.activation().apply(convolved(wide(inputs), wide(made.convolution()), length));
            long keys = (long) shape.keyHeads() * shape.keyDim();
            Tensor query = unit(keyHeads(mixed.narrow(-1, 0, keys))).mul(new Scalar(1 / Math.sqrt(shape.keyDim())));
            Tensor key = unit(keyHeads(mixed.narrow(-1, keys, keys)));
            Tensor value = mixed.narrow(-1, 2 * keys, mixed.size(-1) - 2 * keys)
                    .unflatten(-1, shape.valueHeads(), shape.valueDim());
            Tensor fading = torch.softplus(wide(made.decay()).add(wide(made.decayBias())))
                    .mul(wide(made.logRate()).exp().neg());
            Tensor strong = torch.sigmoid(wide(made.strength()));
            GatedDeltaRule.Result result = GatedDeltaRule.apply(
                    repeated(query), repeated(key), value, fading, strong, before == null ? null : before.memory());
            if (cache != null) {
                cache.put(layer, inputs.narrow(1, length, past), result.memory(), length);
            }
            // no view: what is computed outside autograd is led into it
            Tensor own = torch.empty(result.output().sizes().vec().get(), further.options(), null);
            return scope.toEnclosing(own.copy_(result.output()));
        }
    }

    /** Each channel as the sum of its last inputs, with a weight for each. */
    private static Tensor convolved(Tensor inputs, Tensor weights, long length) {
        Tensor sum = inputs.narrow(1, 0, length).mul(weights.select(2, 0).squeeze(1));
        for (long i = 1; i < weights.size(2); i++) {
            sum = torch.addcmul(
                    sum, inputs.narrow(1, i, length), weights.select(2, i).squeeze(1));
        }
        return sum;
    }

    /**
     * Numbers in float32 that are made between the linear layers for each token, all of which a backward pass has at a time: of the
     * convolution and its parts, of the heads as they are cut into chunks, and of the scores within them.
     */
    public long insideNumbers() {
        long channels = queryKeyValue.outFeatures();
        long keys = (long) shape.valueHeads() * shape.keyDim();
        long values = (long) shape.valueHeads() * shape.valueDim();
        long scores = shape.valueHeads() * GatedDeltaRule.CHUNK;
        return 6 * channels + 13 * keys + 12 * values + 10 * scores;
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

    private static Tensor wide(Tensor x) {
        return Dtype.of(x).isHalf() ? x.to(Dtype.F32.scalarType()) : x;
    }

    @Override
    public List<Linear> linears() {
        return List.of(queryKeyValue, gate, strength, decay, output);
    }

    @Override
    public boolean isBounded() {
        return false;
    }
}
