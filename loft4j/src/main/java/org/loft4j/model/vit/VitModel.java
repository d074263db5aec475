package org.loft4j.model.vit;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.ImageModel;
import org.loft4j.model.shared.Parameters;
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
 * The vision transformer as a classifier; Dosovitskiy et al. 2020 (arXiv:2010.11929), section 3.1. DeiT (Touvron et al. 2020,
 * arXiv:2012.12877, section 4) has a second vector beside that of the class, which learnt from a teacher and which the classifier
 * does not read.
 */
public final class VitModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "vit";

    /** The same of a DeiT that was distilled. */
    public static final String DISTILLED = "deit";

    public static final List<Task> TASKS = List.of(Task.IMAGE_CLASSIFICATION);

    private VitModel() {}

    /**
     * Reads a model from a checkpoint; a classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the body is missing or has the wrong shape
     */
    public static ImageModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        VitConfig config = VitConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, new VitWeights(config).read(source, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static ImageModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        VitConfig config = VitConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = new VitWeights(config).parameters().random(options);
            return assemble(config, weights, options, json.file().getParent());
        }
    }

    private static ImageModel assemble(
            VitConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        VitWeights names = new VitWeights(config);
        List<Tensor> first = names.first().stream().map(weights::get).toList();
        PatchEmbeddings embeddings = new PatchEmbeddings(
                new PatchEmbeddings.Parts(
                        first,
                        null,
                        weights.get(names.positions()),
                        weights.get(names.patches() + ".weight"),
                        weights.get(names.patches() + ".bias")),
                config.image(),
                OtherSizes.REFUSED,
                config.hiddenDropout());
        List<Layer> layers = IntStream.range(0, config.layers())
                .mapToObj(i -> layer(config, names, weights, i))
                .toList();
        ImageModel.Parts parts = new ImageModel.Parts(
                names.parameters(),
                weights,
                embeddings,
                layers,
                Parameters.layerNorm(weights, names.norm(), config.layerNormEps()),
                states -> states.select(1, 0),
                weights.linear(VitWeights.CLASSIFIER));
        return new ImageModel(config.family(), config.hiddenSize(), config.head(), parts, options, directory);
    }

    private static Layer layer(VitConfig config, VitWeights names, Weights weights, int index) {
        SelfAttention attention = new SelfAttention(
                new HeadProjection.Separate(
                        weights.linear(names.layer(index, "attention.attention.query")),
                        weights.linear(names.layer(index, "attention.attention.key")),
                        weights.linear(names.layer(index, "attention.attention.value"))),
                config.heads(),
                config.attentionDropout());
        EncoderLayer.Modules modules = new EncoderLayer.Modules(
                weights.linear(names.layer(index, "attention.output.dense")),
                Parameters.layerNorm(weights, names.layer(index, "layernorm_before"), config.layerNormEps()),
                new FeedForward.Plain(
                        weights.linear(names.layer(index, "intermediate.dense")),
                        weights.linear(names.layer(index, "output.dense")),
                        config.activation()),
                Parameters.layerNorm(weights, names.layer(index, "layernorm_after"), config.layerNormEps()));
        EncoderLayer.Settings settings =
                new EncoderLayer.Settings(config.hiddenDropout(), 0, config.hiddenDropout(), true);
        return Layer.seeingAll(attention, new EncoderLayer(modules, settings));
    }
}
