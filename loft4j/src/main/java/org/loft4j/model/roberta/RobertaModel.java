package org.loft4j.model.roberta;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.DenseHead;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.EncoderModel;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * RoBERTa as a classifier of texts or of tokens; Liu et al. 2019 (arXiv:1907.11692). BERT's encoder, but a sequence's first
 * position is the padding token's id + 1, and its head for texts has a dense layer of its own.
 */
public final class RobertaModel {
    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private RobertaModel() {}

    /**
     * Reads a model from a checkpoint; a head that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        RobertaConfig config = RobertaConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = RobertaWeights.read(source, config, options);
            return assemble(json.requireString("model_type"), config, weights, options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        RobertaConfig config = RobertaConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = RobertaWeights.parameters(config).random(options);
            return assemble(
                    json.requireString("model_type"),
                    config,
                    weights,
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            String family, RobertaConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        BertLayout layout = RobertaWeights.layout(config);
        TokenEmbeddings embeddings = layout.embeddings(
                weights, new TokenEmbeddings.Settings(config.padId() + 1, config.padId(), sizes.hiddenDropout()));
        TextEncoder encoder = layout.encoder(weights, embeddings, config.longest());
        ModelDescription description = new ModelDescription(
                family,
                sizes.vocabularySize(),
                config.longest(),
                sizes.hiddenSize(),
                weights.matrix(layout.words()).dtype(),
                options.device(),
                head.labels(),
                head.pooling(),
                options.multiLabel(),
                directory);
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        RobertaWeights.parameters(config),
                        weights,
                        encoder,
                        DenseHead.of(head, weights, Activation.TANH),
                        DenseHead.modules(head)));
    }
}
