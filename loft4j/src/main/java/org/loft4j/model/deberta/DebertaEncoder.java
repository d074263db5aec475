package org.loft4j.model.deberta;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.Dropout;
import org.loft4j.nn.EncoderDecoderBlock;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Padding;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** DeBERTa's encoder: layers of disentangled attention that share one table of distances. */
final class DebertaEncoder implements TextEncoder {
    private final DebertaConfig config;
    private final TokenEmbeddings embeddings;
    private final @Nullable Table table;
    private final List<Layer> layers;
    private final @Nullable Convolution convolution;
    private final Dtype dtype;
    private final DeviceSpec device;

    /** Attention, and what stands around it. */
    record Layer(DisentangledAttention attention, EncoderLayer around) {
        List<Linear> linears() {
            List<Linear> linears = new ArrayList<>();
            attention.forEachLinear(linears::add);
            around.forEachLinear(linears::add);
            return linears;
        }
    }

    /**
     * The vectors of distances.
     *
     * @param vectors {@code (2·span, hidden)}
     * @param norm null for none
     */
    record Table(Tensor vectors, @Nullable LayerNorm norm) {}

    /**
     * Beside the first layer.
     *
     * @param weight {@code (hidden, hidden/groups, kernel)}
     * @param bias {@code (hidden)}
     * @param norm of the sum with the first layer's output
     */
    record Convolution(Tensor weight, Tensor bias, LayerNorm norm) {}

    /** All parts; the table and the convolution are null where the configuration has none. */
    record Parts(
            TokenEmbeddings embeddings,
            @Nullable Table table,
            List<Layer> layers,
            @Nullable Convolution convolution) {}

    DebertaEncoder(DebertaConfig config, Parts parts, Dtype dtype, DeviceSpec device) {
        this.config = config;
        this.embeddings = parts.embeddings();
        this.table = parts.table();
        this.layers = List.copyOf(parts.layers());
        this.convolution = parts.convolution();
        this.dtype = dtype;
        this.device = device;
    }

    @Override
    public EncoderDecoderBlock.Shares dropout() {
        return layers.get(0).around().dropout(config.encoder().attentionDropout());
    }

    @Override
    public void check(TokenInput input) {
        embeddings.check(input, config.maxPositions());
    }

    @Override
    public Tensor encode(TokenInput input, Padding padding, boolean training, boolean checkpointing) {
        Tensor weights = padding.weights(dtype);
        Tensor tokens = weights == null ? null : weights.unsqueeze(-1);
        Tensor embedded = embeddings.forward(input, padding, training);
        Tensor first = tokens == null ? embedded : embedded.mul(tokens);
        DisentangledAttention.Distances distances = distances(input.inputIds().size(1));
        Tensor bias = padding.keyBias(dtype);
        Tensor hidden = first;
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            hidden = checkpointing && i + 1 < layers.size()
                    ? checkpointed(layer, hidden, distances, bias, training)
                    : layer.around()
                            .forward(hidden, x -> layer.attention().forward(x, distances, bias, training), training);
            if (i == 0 && convolution != null) {
                hidden = convolve(convolution, first, hidden, tokens, training);
            }
        }
        return hidden;
    }

    /** The vectors of the distances are made once for all layers, and get a gradient from each. */
    private static Tensor checkpointed(
            Layer layer,
            Tensor hidden,
            DisentangledAttention.@Nullable Distances distances,
            @Nullable Tensor bias,
            boolean training) {
        List<Tensor> inputs = distances == null ? List.of(hidden) : List.of(hidden, distances.table());
        return ActivationCheckpoint.apply(
                own -> {
                    DisentangledAttention.Distances seen = distances == null
                            ? null
                            : new DisentangledAttention.Distances(own.get(1), distances.rows());
                    return layer.around()
                            .forward(own.get(0), x -> layer.attention().forward(x, seen, bias, training), training);
                },
                inputs);
    }

    private DisentangledAttention.@Nullable Distances distances(long length) {
        DebertaConfig.Relative relative = config.relative();
        if (table == null || relative == null) {
            return null;
        }
        RelativeDistances seen = RelativeDistances.of(relative, Math.toIntExact(length), device);
        Tensor vectors = table.vectors().narrow(0, seen.first(), seen.count());
        return new DisentangledAttention.Distances(
                table.norm() == null ? vectors : table.norm().forward(vectors), seen.rows());
    }

    /** {@code norm(output + act(conv(embedded)))}, with zeros at padding on either side of the convolution. */
    private Tensor convolve(
            Convolution parts, Tensor embedded, Tensor output, @Nullable Tensor tokens, boolean training) {
        DebertaConfig.Convolution settings = java.util.Objects.requireNonNull(config.convolution());
        Tensor convolved = torch.conv1d(
                        embedded.transpose(1, 2),
                        parts.weight(),
                        new TensorOptional(parts.bias()),
                        new long[] {1},
                        new long[] {settings.kernel() / 2},
                        new long[] {1},
                        settings.groups())
                .transpose(1, 2);
        Tensor kept = tokens == null ? convolved : convolved.mul(tokens);
        Tensor added =
                settings.activation().apply(Dropout.apply(kept, config.encoder().hiddenDropout(), training));
        Tensor sum = parts.norm().forward(output.add(added));
        return tokens == null ? sum : sum.mul(tokens);
    }

    @Override
    public void forEachLinear(Consumer<Linear> action) {
        layers().forEach(linears -> linears.forEach(action));
    }

    @Override
    public List<List<Linear>> layers() {
        return layers.stream().map(Layer::linears).toList();
    }
}
