package org.loft4j.model.modernbert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.EncoderModel;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RotaryEmbedding;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.TransformerEncoder;
import org.loft4j.nn.TransformerEncoder.LayerKind;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * ModernBERT as a classifier of texts or of tokens; Warner et al. 2024 (arXiv:2412.13663), section 2.1: norms in front, gated
 * feed-forward blocks, rotary positions, and most layers of attention over near tokens alone. Its head has a dense layer and a norm
 * in front of the classifier, for tokens too.
 */
public final class ModernBertModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "modernbert";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private ModernBertModel() {}

    /**
     * Reads a model from a checkpoint; a head that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        ModernBertConfig config = ModernBertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, ModernBertWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        ModernBertConfig config = ModernBertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    ModernBertWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            ModernBertConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        Dtype dtype = weights.matrix(ModernBertWeights.WORDS).dtype();
        ModelDescription description = new ModelDescription(
                FAMILY,
                sizes.vocabularySize(),
                sizes.maxPositions(),
                sizes.hiddenSize(),
                dtype,
                options.device(),
                head.labels(),
                head.pooling(),
                options.multiLabel(),
                directory);
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        ModernBertWeights.parameters(config),
                        weights,
                        encoder(config, weights, dtype, options),
                        head(config, weights),
                        head.classifies() ? List.of(ModernBertWeights.HEAD, ModernBertWeights.CLASSIFIER) : List.of()));
    }

    private static @Nullable ClassifierHead head(ModernBertConfig config, Weights weights) {
        if (!config.head().classifies()) {
            return null;
        }
        ClassifierHead.Dense dense = new ClassifierHead.Dense(
                weights.linear(ModernBertWeights.DENSE),
                config.headActivation(),
                0,
                norm(config, weights, ModernBertWeights.HEAD_NORM));
        return new ClassifierHead(
                dense,
                weights.linear(ModernBertWeights.CLASSIFIER),
                config.head().dropout());
    }

    private static TransformerEncoder encoder(
            ModernBertConfig config, Weights weights, Dtype dtype, ModelOptions options) {
        EncoderConfig sizes = config.encoder();
        TokenEmbeddings embeddings = new TokenEmbeddings(
                new TokenEmbeddings.Tables(weights.matrix(ModernBertWeights.WORDS), null, null),
                norm(config, weights, ModernBertWeights.EMBEDDING_NORM),
                TokenEmbeddings.Settings.plain(sizes.hiddenDropout()));
        LayerKind global = new LayerKind(rotary(config, config.globalTheta(), dtype, options), LayerKind.ALL);
        LayerKind local = new LayerKind(rotary(config, config.localTheta(), dtype, options), config.reach());
        List<TransformerEncoder.Layer> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            SelfAttention attention = new SelfAttention(
                    new HeadProjection.Fused(linear(weights, i, "attn.Wqkv"), sizes.heads()),
                    sizes.heads(),
                    sizes.attentionDropout());
            EncoderLayer.Modules modules = new EncoderLayer.Modules(
                    linear(weights, i, "attn.Wo"),
                    i == 0 ? null : norm(config, weights, ModernBertWeights.layer(i, "attn_norm")),
                    new FeedForward.FusedGated(
                            linear(weights, i, "mlp.Wi"), linear(weights, i, "mlp.Wo"), sizes.activation()),
                    norm(config, weights, ModernBertWeights.layer(i, "mlp_norm")));
            EncoderLayer.Settings settings =
                    new EncoderLayer.Settings(sizes.attentionDropout(), config.mlpDropout(), 0, true);
            layers.add(new TransformerEncoder.Layer(
                    attention,
                    new EncoderLayer(modules, settings),
                    config.local().get(i) ? local : global));
        }
        return new TransformerEncoder(
                embeddings, layers, norm(config, weights, ModernBertWeights.FINAL_NORM), sizes.maxPositions(), dtype);
    }

    private static RotaryEmbedding rotary(ModernBertConfig config, double theta, Dtype dtype, ModelOptions options) {
        return Rope.plain(config.headDim(), theta).embedding(dtype, options.device());
    }

    private static Linear linear(Weights weights, int index, String module) {
        return weights.linear(ModernBertWeights.layer(index, module));
    }

    private static LayerNorm norm(ModernBertConfig config, Weights weights, String path) {
        return Parameters.layerNorm(weights, path, config.encoder().layerNormEps());
    }
}
