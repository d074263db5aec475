package org.loft4j.model.deberta;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.EncoderModel;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** DeBERTa as a classifier of texts or of tokens; He et al. 2020 (arXiv:2006.03654) and 2021 (arXiv:2111.09543). */
public final class DebertaModel {
    /** {@code model_type} in config.json; that of the third version too. */
    public static final String FAMILY = "deberta-v2";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private DebertaModel() {}

    /**
     * Reads a model from a checkpoint; a pooler or classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        DebertaConfig config = DebertaConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, DebertaWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        DebertaConfig config = DebertaConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    DebertaWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            DebertaConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        Dtype dtype = weights.matrix(DebertaWeights.layout(config).words()).dtype();
        ModelDescription description = new ModelDescription(
                FAMILY,
                sizes.vocabularySize(),
                config.maxPositions(),
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
                        DebertaWeights.parameters(config),
                        weights,
                        new DebertaEncoder(config, parts(config, weights), dtype, options.device()),
                        head(config, weights),
                        headModules(head.task())));
    }

    private static @Nullable ClassifierHead head(DebertaConfig config, Weights weights) {
        HeadConfig head = config.head();
        if (!head.classifies()) {
            return null;
        }
        ClassifierHead.Dense dense = head.task() == Task.TOKEN_CLASSIFICATION
                ? null
                : new ClassifierHead.Dense(
                        weights.linear(DebertaWeights.POOLER),
                        config.pooler().activation(),
                        config.pooler().dropout());
        return new ClassifierHead(dense, weights.linear(DebertaWeights.CLASSIFIER), head.dropout());
    }

    private static List<String> headModules(Task task) {
        return switch (task) {
            case SENTENCE_EMBEDDING -> List.of();
            case TOKEN_CLASSIFICATION -> List.of(DebertaWeights.CLASSIFIER);
            default -> List.of(DebertaWeights.POOLER, DebertaWeights.CLASSIFIER);
        };
    }

    private static DebertaEncoder.Parts parts(DebertaConfig config, Weights weights) {
        EncoderConfig sizes = config.encoder();
        BertLayout layout = DebertaWeights.layout(config);
        List<DebertaEncoder.Layer> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            layers.add(new DebertaEncoder.Layer(attention(config, weights, layout, i), layout.around(weights, i)));
        }
        DebertaConfig.Relative relative = config.relative();
        LayerNorm norm =
                relative != null && relative.normalised() ? norm(config, weights, DebertaWeights.DISTANCE_NORM) : null;
        return new DebertaEncoder.Parts(
                layout.embeddings(weights, TokenEmbeddings.Settings.plain(sizes.hiddenDropout())),
                relative == null ? null : new DebertaEncoder.Table(weights.get(DebertaWeights.DISTANCES), norm),
                layers,
                config.convolution() == null
                        ? null
                        : new DebertaEncoder.Convolution(
                                weights.get(DebertaWeights.CONVOLUTION + ".weight"),
                                weights.get(DebertaWeights.CONVOLUTION + ".bias"),
                                norm(config, weights, DebertaWeights.CONVOLUTION_NORM)));
    }

    private static DisentangledAttention attention(
            DebertaConfig config, Weights weights, BertLayout layout, int index) {
        String path = layout.layer(index, "attention.self.");
        return new DisentangledAttention(
                config,
                new DisentangledAttention.Projections(
                        weights.linear(path + "query_proj"),
                        weights.linear(path + "key_proj"),
                        weights.linear(path + "value_proj"),
                        DebertaWeights.hasPositionProjection(config, true)
                                ? weights.linear(path + "pos_key_proj")
                                : null,
                        DebertaWeights.hasPositionProjection(config, false)
                                ? weights.linear(path + "pos_query_proj")
                                : null));
    }

    private static LayerNorm norm(DebertaConfig config, Weights weights, String path) {
        return Parameters.layerNorm(weights, path, config.encoder().layerNormEps());
    }
}
