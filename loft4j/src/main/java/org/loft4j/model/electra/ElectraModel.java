package org.loft4j.model.electra;

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
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * ELECTRA as a classifier of texts or of tokens; Clark et al. 2020 (arXiv:2003.10555). BERT's encoder behind embeddings that may be
 * narrower, and a head for texts with a dense layer of its own in place of a pooler.
 */
public final class ElectraModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "electra";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private ElectraModel() {}

    /**
     * Reads a model from a checkpoint; a head that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        ElectraConfig config = ElectraConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, ElectraWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        ElectraConfig config = ElectraConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    ElectraWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            ElectraConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        BertLayout layout = ElectraWeights.layout(config);
        TokenEmbeddings embeddings = layout.embeddings(weights, TokenEmbeddings.Settings.plain(sizes.hiddenDropout()));
        ModelDescription description = new ModelDescription(
                FAMILY,
                sizes.vocabularySize(),
                sizes.maxPositions(),
                sizes.hiddenSize(),
                weights.matrix(layout.words()).dtype(),
                options.device(),
                head.labels(),
                head.pooling(),
                options.multiLabel(),
                directory);
        // the head's activation is this one whatever hidden_act says
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        ElectraWeights.parameters(config),
                        weights,
                        layout.encoder(weights, embeddings, sizes.maxPositions()),
                        DenseHead.of(head, weights, Activation.GELU),
                        DenseHead.modules(head)));
    }
}
