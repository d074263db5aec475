package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * A state space as Mamba 2 has it; Dao and Gu 2024 (arXiv:2405.21060), section 7.1: inputs, b and c go through a short causal
 * convolution, of each channel by itself, and an activation; each head has a step Δ for each token, by which its input is
 * multiplied and its memory fades ({@link StateSpaceRule}); what the rule yields, with a part of the input beside, is gated and
 * normed. Between the linear layers all is computed in float32, or float64 in a float64 model.
 *
 * <p>A generated token costs the same however long the text is.
 *
 * @param layer number of the block, from 0
 * @param shape sizes
 * @param input makes gate, inputs, b, c and steps, one behind the other
 * @param convolution {@code (channels, 1, kernel)}, over inputs, b and c
 * @param bias of the convolution, {@code (channels)}; null for none
 * @param logRate {@code A_log} {@code (heads)}
 * @param stepBias {@code dt_bias} {@code (heads)}
 * @param skip {@code D} {@code (heads)}, of the input that goes past the memory
 * @param normWeight of the norm over all heads, {@code (heads·headDim)}
 * @param output from the heads to the hidden states
 */
public record StateSpace(
        int layer,
        Shape shape,
        Linear input,
        Tensor convolution,
        @Nullable Tensor bias,
        Tensor logRate,
        Tensor stepBias,
        Tensor skip,
        Tensor normWeight,
        Linear output)
        implements RecurrentMixer {
    /**
     * What does not depend on the input.
     *
     * @param heads a multiple of the groups
     * @param headDim size of a head
     * @param groups heads of one of which have the same b and c
     * @param stateDim size of b and of c
     * @param activation behind the convolution
     * @param eps of the norm
     */
    public record Shape(int heads, int headDim, int groups, int stateDim, Activation activation, double eps) {
        /** Numbers of all heads. */
        public long inner() {
            return (long) heads * headDim;
        }

        /** Numbers of b, or of c, of all groups. */
        public long states() {
            return (long) groups * stateDim;
        }

        /** What the convolution goes over. */
        public long channels() {
            return inner() + 2 * states();
        }
    }

    @Override
    public Attended forward(Tensor x, LayerPass pass) {
        Tensor tokens = pass.tokens();
        List<Tensor> made = new ArrayList<>(List.of(input.forward(tokens == null ? x : x.mul(tokens))));
        if (tokens != null) {
            // the bias of the convolution would make something of padding
            made.add(tokens);
        }
        List<Tensor> parameters = new ArrayList<>(List.of(convolution, logRate, stepBias, skip, normWeight));
        if (bias != null) {
            parameters.add(bias);
        }
        return new Attended(output.forward(MemoryPass.apply(this::inOne, made, parameters, pass)), null);
    }

    private Tensor inOne(List<Tensor> made, List<Tensor> parameters, @Nullable KeyValueCache cache) {
        try (NativeScope scope = new NativeScope()) {
            Tensor all = made.get(0);
            long inner = shape.inner();
            long states = shape.states();
            Tensor further = all.narrow(-1, inner, shape.channels());
            Tensor kernel = parameters.get(0);
            KeyValueCache.State before = cache == null ? null : cache.state(layer);
            Tensor inputs = ShortConvolution.inputs(further, kernel, before);
            Tensor mixed = shape.activation()
                    .apply(ShortConvolution.apply(
                            MemoryPass.wide(inputs),
                            MemoryPass.wide(kernel),
                            parameters.size() > 5 ? MemoryPass.wide(parameters.get(5)) : null));
            if (made.size() > 1) {
                mixed = mixed.mul(made.get(1));
            }
            Tensor x = mixed.narrow(-1, 0, inner).unflatten(-1, shape.heads(), shape.headDim());
            Tensor b = mixed.narrow(-1, inner, states).unflatten(-1, shape.groups(), shape.stateDim());
            Tensor c = mixed.narrow(-1, inner + states, states).unflatten(-1, shape.groups(), shape.stateDim());
            Tensor step = torch.softplus(MemoryPass.wide(all.narrow(-1, inner + shape.channels(), shape.heads()))
                    .add(MemoryPass.wide(parameters.get(2))));
            Tensor decay = step.mul(MemoryPass.wide(parameters.get(1)).exp().neg());
            StateSpaceRule.Result result = StateSpaceRule.apply(
                    x.mul(step.unsqueeze(-1)), b, c, decay, before == null ? null : before.memory());
            if (cache != null) {
                cache.put(layer, ShortConvolution.last(inputs, kernel), result.memory(), further.size(1));
            }
            Tensor heads = torch.addcmul(
                    result.output(), x, MemoryPass.wide(parameters.get(3)).unsqueeze(-1));
            Tensor gated = heads.flatten(2, 3).mul(torch.silu(MemoryPass.wide(all.narrow(-1, 0, inner))));
            Tensor normed = new RmsNorm(output.path(), MemoryPass.wide(parameters.get(4)), shape.eps()).forward(gated);
            // no view, which a norm may yield: what is computed outside autograd is led into it
            Tensor own = torch.empty(normed.sizes().vec().get(), all.options(), null);
            return scope.toEnclosing(own.copy_(normed));
        }
    }

    @Override
    public List<Linear> linears() {
        return List.of(input, output);
    }

    @Override
    public long keptNumbers(boolean back) {
        return input.outFeatures() + (back ? output.inFeatures() : 0);
    }

    /**
     * Of the convolution and its parts, of the heads as they are cut into chunks, of the scores within them, and of the memory before
     * each chunk.
     */
    @Override
    public long insideNumbers(long columns) {
        long scores = shape.heads() * MemoryChunks.TOKENS;
        long memory = remembered() / MemoryChunks.tokens(columns);
        return 4 * shape.channels() + 11 * shape.inner() + 5 * shape.states() + 3 * scores + 4 * memory;
    }

    @Override
    public long remembered() {
        return shape.inner() * shape.stateDim();
    }
}
