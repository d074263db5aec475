package org.loft4j.nn;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** Embeddings, and layers of attention over all tokens; Devlin et al. 2018 (arXiv:1810.04805), section 3. */
public final class TransformerEncoder implements TextEncoder {
    private final TokenEmbeddings embeddings;
    private final List<Layer> layers;
    private final long longest;
    private final Dtype dtype;

    /** Attention, and what stands around it. */
    public record Layer(SelfAttention attention, EncoderLayer around) {}

    /**
     * @param longest the greatest number of tokens
     * @param dtype of the parameters
     */
    public TransformerEncoder(TokenEmbeddings embeddings, List<Layer> layers, long longest, Dtype dtype) {
        this.embeddings = embeddings;
        this.layers = List.copyOf(layers);
        this.longest = longest;
        this.dtype = dtype;
    }

    @Override
    public void check(TokenInput input) {
        embeddings.check(input, longest);
    }

    @Override
    public Tensor encode(TokenInput input, Padding padding, boolean training, boolean checkpointing) {
        Tensor hidden = embeddings.forward(input, padding, training);
        Tensor bias = padding.keyBias(Attention.biasDtype(dtype, DeviceSpec.of(hidden), false));
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            UnaryOperator<Tensor> whole = states ->
                    layer.around().forward(states, x -> layer.attention().forward(x, bias, training), training);
            boolean again = checkpointing && i + 1 < layers.size();
            hidden = again ? ActivationCheckpoint.apply(whole, hidden) : whole.apply(hidden);
        }
        return hidden;
    }

    @Override
    public void forEachLinear(Consumer<Linear> action) {
        for (Layer layer : layers) {
            layer.attention().forEachLinear(action);
            layer.around().forEachLinear(action);
        }
    }
}
