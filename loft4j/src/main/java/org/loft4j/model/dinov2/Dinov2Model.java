package org.loft4j.model.dinov2;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.ImageModel;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.Activation;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PatchEmbeddings;
import org.loft4j.nn.PatchEmbeddings.OtherSizes;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.Task;
import org.loft4j.nn.TransformerEncoder.Layer;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * DINOv2 as a classifier; Oquab et al. 2023 (arXiv:2304.07193), section 7.1: a linear layer reads the state of the class beside the
 * mean of those of the patches. With registers, Darcet et al. 2023 (arXiv:2309.16588), there are states between the two that
 * nobody reads.
 */
public final class Dinov2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "dinov2";

    /** The same of one with registers. */
    public static final String WITH_REGISTERS = "dinov2_with_registers";

    public static final List<Task> TASKS = List.of(Task.IMAGE_CLASSIFICATION);

    private Dinov2Model() {}

    /**
     * Reads a model from a checkpoint; a classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the body is missing or has the wrong shape
     */
    public static ImageModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        Dinov2Config config = Dinov2Config.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, new Dinov2Weights(config).read(source, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static ImageModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        Dinov2Config config = Dinov2Config.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = new Dinov2Weights(config).parameters().random(options);
            return assemble(config, weights, options, json.file().getParent());
        }
    }

    private static ImageModel assemble(
            Dinov2Config config, Weights weights, ModelOptions options, @Nullable Path directory) {
        Dinov2Weights names = new Dinov2Weights(config);
        PatchEmbeddings embeddings = new PatchEmbeddings(
                new PatchEmbeddings.Parts(
                        List.of(weights.get(names.classToken())),
                        weights.find(names.registers()),
                        weights.get(names.positions()),
                        weights.get(names.patches() + ".weight"),
                        weights.get(names.patches() + ".bias")),
                config.image(),
                // Transformers' two classes differ in this
                config.family().equals(WITH_REGISTERS) ? OtherSizes.BICUBIC_ANTIALIASED : OtherSizes.BICUBIC,
                config.hiddenDropout());
        List<Layer> layers = IntStream.range(0, config.layers())
                .mapToObj(i -> layer(config, names, weights, i))
                .toList();
        long before = embeddings.beforePatches();
        ImageModel.Parts parts = new ImageModel.Parts(
                names.parameters(),
                weights,
                embeddings,
                layers,
                Parameters.layerNorm(weights, names.norm(), config.layerNormEps()),
                states -> classAndMean(states, before),
                weights.linear(Dinov2Weights.CLASSIFIER));
        return new ImageModel(config.family(), config.hiddenSize(), config.head(), parts, options, directory);
    }

    /** {@code (batch, 2·hidden)} of the states {@code (batch, before + patches, hidden)}. */
    private static Tensor classAndMean(Tensor states, long before) {
        Tensor patches = states.narrow(1, before, states.size(1) - before);
        Tensor mean = patches.mean(new long[] {1}, false, new ScalarTypeOptional());
        return torch.cat(new TensorVector(states.select(1, 0), mean), 1);
    }

    private static Layer layer(Dinov2Config config, Dinov2Weights names, Weights weights, int index) {
        SelfAttention attention = new SelfAttention(
                new HeadProjection.Separate(
                        weights.linear(names.layer(index, "attention.attention.query")),
                        weights.linear(names.layer(index, "attention.attention.key")),
                        weights.linear(names.layer(index, "attention.attention.value"))),
                config.heads(),
                config.attentionDropout());
        EncoderLayer.Modules modules = new EncoderLayer.Modules(
                weights.linear(names.layer(index, "attention.output.dense")),
                Parameters.layerNorm(weights, names.layer(index, "norm1"), config.layerNormEps()),
                feedForward(config, names, weights, index),
                Parameters.layerNorm(weights, names.layer(index, "norm2"), config.layerNormEps()),
                new EncoderLayer.Scales(
                        weights.get(names.layer(index, "layer_scale1.lambda1")),
                        weights.get(names.layer(index, "layer_scale2.lambda1"))));
        return Layer.seeingAll(
                attention, new EncoderLayer(modules, new EncoderLayer.Settings(config.hiddenDropout(), 0, 0, true)));
    }

    private static FeedForward.Dense feedForward(Dinov2Config config, Dinov2Weights names, Weights weights, int index) {
        return config.gated()
                ? new FeedForward.FusedGated(
                        weights.linear(names.layer(index, "mlp.weights_in")),
                        weights.linear(names.layer(index, "mlp.weights_out")),
                        Activation.SILU)
                : new FeedForward.Plain(
                        weights.linear(names.layer(index, "mlp.fc1")),
                        weights.linear(names.layer(index, "mlp.fc2")),
                        config.activation());
    }
}
