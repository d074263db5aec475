package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * A short convolution between two gates, {@code out(C ⊙ conv(B ⊙ v))} with {@code B, C, v = in(x)}, as LFM2 has it; Liquid AI 2025
 * (arXiv:2511.23404), section 2. Of a text it remembers the last {@code kernel − 1} tokens.
 *
 * @param layer number of the block, from 0
 * @param input makes B, C and v, one behind the other
 * @param convolution {@code (hidden, 1, kernel)}
 * @param bias of the convolution, {@code (hidden)}; null for none
 * @param output to the hidden states
 */
public record GatedConvolution(
        int layer,
        Linear input,
        Tensor convolution,
        @Nullable Tensor bias,
        Linear output) implements RecurrentMixer {
    @Override
    public Attended forward(Tensor x, LayerPass pass) {
        Tensor made = input.forward(x);
        // behind the layer, whose bias would make something of padding
        Tensor seen = pass.tokens() == null ? made : made.mul(pass.tokens());
        List<Tensor> parameters = bias == null ? List.of(convolution) : List.of(convolution, bias);
        return new Attended(output.forward(MemoryPass.apply(this::inOne, List.of(seen), parameters, pass)), null);
    }

    private Tensor inOne(List<Tensor> made, List<Tensor> parameters, @Nullable KeyValueCache cache) {
        try (NativeScope scope = new NativeScope()) {
            TensorVector parts = made.get(0).chunk(3, -1);
            Tensor kernel = parameters.get(0);
            KeyValueCache.State before = cache == null ? null : cache.state(layer);
            Tensor inputs = ShortConvolution.inputs(parts.get(0).mul(parts.get(2)), kernel, before);
            if (cache != null) {
                cache.put(
                        layer,
                        ShortConvolution.last(inputs, kernel),
                        null,
                        made.get(0).size(1));
            }
            Tensor sum = ShortConvolution.apply(
                    MemoryPass.wide(inputs),
                    MemoryPass.wide(kernel),
                    parameters.size() > 1 ? MemoryPass.wide(parameters.get(1)) : null);
            return scope.toEnclosing(parts.get(1).mul(sum.to(made.get(0).scalar_type())));
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

    /** Of the gates, of the inputs, and of each step of the sum. */
    @Override
    public long insideNumbers(long columns) {
        return (5 + 2 * convolution.size(2)) * output.inFeatures();
    }

    /** The inputs of the convolution are all there is. */
    @Override
    public long remembered() {
        return 0;
    }
}
