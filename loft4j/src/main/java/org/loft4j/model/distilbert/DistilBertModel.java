package org.loft4j.model.distilbert;

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
import org.loft4j.nn.Activation;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.Task;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.TransformerEncoder;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * DistilBERT as a classifier of texts or of tokens; Sanh et al. 2019 (arXiv:1910.01108), section 3: BERT with half the layers,
 * no token types and no pooler.
 */
public final class DistilBertModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "distilbert";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private DistilBertModel() {}

    /**
     * Reads a model from a checkpoint; a head that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        DistilBertConfig config = DistilBertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, DistilBertWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        DistilBertConfig config = DistilBertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    DistilBertWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            DistilBertConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        ModelDescription description = new ModelDescription(
                FAMILY,
                sizes.vocabularySize(),
                sizes.maxPositions(),
                sizes.hiddenSize(),
                weights.matrix(DistilBertWeights.WORDS).dtype(),
                options.device(),
                head.labels(),
                head.pooling(),
                options.multiLabel(),
                directory);
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        DistilBertWeights.parameters(config),
                        weights,
                        encoder(sizes, weights),
                        head(head, weights),
                        headModules(head.task())));
    }

    private static List<String> headModules(Task task) {
        return switch (task) {
            case SENTENCE_EMBEDDING -> List.of();
            case TOKEN_CLASSIFICATION -> List.of(DistilBertWeights.CLASSIFIER);
            default -> List.of(DistilBertWeights.DENSE, DistilBertWeights.CLASSIFIER);
        };
    }

    private static TextEncoder encoder(EncoderConfig sizes, Weights weights) {
        TokenEmbeddings embeddings = new TokenEmbeddings(
                new TokenEmbeddings.Tables(
                        weights.matrix(DistilBertWeights.WORDS), weights.get(DistilBertWeights.POSITIONS), null),
                norm(sizes, weights, DistilBertWeights.EMBEDDING_NORM),
                TokenEmbeddings.Settings.plain(sizes.hiddenDropout()));
        List<TransformerEncoder.Layer> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            SelfAttention attention = new SelfAttention(
                    new HeadProjection.Separate(
                            linear(weights, i, "attention.q_lin"),
                            linear(weights, i, "attention.k_lin"),
                            linear(weights, i, "attention.v_lin")),
                    sizes.heads(),
                    sizes.attentionDropout());
            EncoderLayer.Modules modules = new EncoderLayer.Modules(
                    linear(weights, i, "attention.out_lin"),
                    norm(sizes, weights, DistilBertWeights.layer(i, "sa_layer_norm")),
                    new FeedForward.Plain(
                            linear(weights, i, "ffn.lin1"), linear(weights, i, "ffn.lin2"), sizes.activation()),
                    norm(sizes, weights, DistilBertWeights.layer(i, "output_layer_norm")));
            // unlike BERT, nothing is dropped of what attention yields
            EncoderLayer.Settings settings = new EncoderLayer.Settings(0, 0, sizes.hiddenDropout(), false);
            layers.add(TransformerEncoder.Layer.seeingAll(attention, new EncoderLayer(modules, settings)));
        }
        return new TransformerEncoder(
                embeddings,
                layers,
                null,
                sizes.maxPositions(),
                weights.matrix(DistilBertWeights.WORDS).dtype());
    }

    private static @Nullable ClassifierHead head(HeadConfig head, Weights weights) {
        if (!head.classifies()) {
            return null;
        }
        ClassifierHead.Dense dense = head.task() == Task.TOKEN_CLASSIFICATION
                ? null
                : new ClassifierHead.Dense(weights.linear(DistilBertWeights.DENSE), Activation.RELU, 0);
        return new ClassifierHead(dense, weights.linear(DistilBertWeights.CLASSIFIER), head.dropout());
    }

    private static Linear linear(Weights weights, int index, String module) {
        return weights.linear(DistilBertWeights.layer(index, module));
    }

    private static LayerNorm norm(EncoderConfig sizes, Weights weights, String path) {
        return Parameters.layerNorm(weights, path, sizes.layerNormEps());
    }
}
