package org.loft4j.nn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.RotaryEmbedding.Rotation;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** Embeddings, and layers of attention over all tokens or over near ones; Devlin et al. 2018 (arXiv:1810.04805), section 3. */
public final class TransformerEncoder implements TextEncoder {
    private final TokenEmbeddings embeddings;
    private final List<Layer> layers;
    private final @Nullable Norm norm;
    private final long longest;
    private final Dtype dtype;

    /**
     * How the layers of a kind place their tokens.
     *
     * @param rotary of queries and keys; null for none; freed with the encoder
     * @param reach how many tokens to each side a token sees; {@link #ALL} for no limit
     * @param relative added to the scores of tokens that see all others; null for none
     */
    public record LayerKind(
            @Nullable RotaryEmbedding rotary,
            long reach,
            @Nullable RelativeBias relative) {
        public static final long ALL = Long.MAX_VALUE;

        public LayerKind {
            if (relative != null && reach != ALL) {
                throw new IllegalArgumentException("a bias of distances is for layers that see all tokens");
            }
        }

        /** Without a bias. */
        public LayerKind(@Nullable RotaryEmbedding rotary, long reach) {
            this(rotary, reach, null);
        }
    }

    /** Attention, what stands around it, and how it places its tokens. */
    public record Layer(SelfAttention attention, EncoderLayer around, LayerKind kind) {
        /** A layer that sees all tokens, and knows their positions from the embeddings. */
        public static Layer seeingAll(SelfAttention attention, EncoderLayer around) {
            return new Layer(attention, around, new LayerKind(null, LayerKind.ALL));
        }

        /** In order of use. */
        public List<Linear> linears() {
            List<Linear> linears = new ArrayList<>();
            attention.forEachLinear(linears::add);
            around.forEachLinear(linears::add);
            return linears;
        }
    }

    /** A kind of layers on one batch. */
    private record Place(@Nullable Rotation rotation, Sight sight) {
        Tensor forward(Layer layer, Tensor hidden, boolean training) {
            UnaryOperator<Tensor> attention = x -> layer.attention().forward(x, rotation, sight, training);
            return layer.around().forward(hidden, attention, training);
        }

        /** The bias is made once for all layers, and gets a gradient from each. */
        Tensor checkpointed(Layer layer, Tensor hidden, boolean training) {
            Tensor bias = sight.bias();
            if (bias == null) {
                return ActivationCheckpoint.apply(states -> forward(layer, states, training), hidden);
            }
            return ActivationCheckpoint.apply(
                    own -> new Place(rotation, sight.withBias(own.get(1))).forward(layer, own.get(0), training),
                    List.of(hidden, bias));
        }
    }

    /**
     * @param layers in order of use; one that is used again is there again
     * @param norm behind the last layer; null for none
     * @param longest the greatest number of tokens
     * @param dtype of the parameters
     */
    public TransformerEncoder(
            TokenEmbeddings embeddings, List<Layer> layers, @Nullable Norm norm, long longest, Dtype dtype) {
        this.embeddings = embeddings;
        this.layers = List.copyOf(layers);
        this.norm = norm;
        this.longest = longest;
        this.dtype = dtype;
    }

    @Override
    public EncoderDecoderBlock.Shares dropout() {
        Layer layer = layers.get(0);
        return layer.around().dropout(layer.attention().dropout());
    }

    @Override
    public void check(TokenInput input) {
        embeddings.check(input, longest);
    }

    @Override
    public Tensor encode(TokenInput input, Padding padding, boolean training, boolean checkpointing) {
        Tensor hidden = embeddings.forward(input, padding, training);
        long columns = hidden.size(1);
        Dtype scores = Attention.biasDtype(dtype, DeviceSpec.of(hidden), false);
        Map<LayerKind, Place> places = new HashMap<>();
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            Place place = places.computeIfAbsent(layer.kind(), kind -> place(kind, padding, columns, scores));
            hidden = checkpointing && i + 1 < layers.size()
                    ? place.checkpointed(layer, hidden, training)
                    : place.forward(layer, hidden, training);
        }
        return norm == null ? hidden : norm.forward(hidden);
    }

    private static Place place(LayerKind kind, Padding padding, long columns, Dtype scores) {
        RotaryEmbedding rotary = kind.rotary();
        RelativeBias relative = kind.relative();
        Sight sight = Sight.near(padding, columns, kind.reach(), scores);
        if (relative != null) {
            Tensor distances = relative.forward(columns, columns, scores);
            sight = sight.withBias(sight.bias() == null ? distances : distances.add(sight.bias()));
        }
        return new Place(rotary == null ? null : rotary.range(0, columns), sight);
    }

    @Override
    public void forEachLinear(Consumer<Linear> action) {
        embeddings.forEachLinear(action);
        layers().stream().flatMap(List::stream).distinct().forEach(action);
    }

    @Override
    public List<List<Linear>> layers() {
        return layers.stream().map(Layer::linears).toList();
    }

    @Override
    public void close() {
        for (Layer layer : layers) {
            RotaryEmbedding rotary = layer.kind().rotary();
            if (rotary != null) {
                rotary.close();
            }
        }
    }
}
