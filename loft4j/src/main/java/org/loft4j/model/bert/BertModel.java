package org.loft4j.model.bert;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.EncoderModel;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.PoolerHead;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/** BERT as a classifier of texts or of tokens, or for sentence embeddings; Devlin et al. 2018 (arXiv:1810.04805). */
public final class BertModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "bert";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private BertModel() {}

    /**
     * Reads a model from a checkpoint; a pooler or classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        BertConfig config = BertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            BertConfig settled = BertWeights.settlePooling(config, source);
            Weights weights = BertWeights.read(source, settled, options);
            return assemble(settled, weights, options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        return random(BertConfig.from(json, options), options, json.file().getParent());
    }

    /** A model with new weights. AUTO pooling means a pooler. */
    public static EncoderModel random(BertConfig config, ModelOptions options) {
        return random(config, options, null);
    }

    private static EncoderModel random(BertConfig config, ModelOptions options, @Nullable Path directory) {
        try (NativeScope scope = new NativeScope()) {
            BertConfig settled = config.withHead(PoolerHead.settled(config.head()));
            Weights weights = BertWeights.parameters(settled).random(options);
            return assemble(settled, weights, options, directory);
        }
    }

    private static EncoderModel assemble(
            BertConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        BertLayout layout = BertWeights.layout(config);
        TokenEmbeddings embeddings = layout.embeddings(weights, TokenEmbeddings.Settings.plain(sizes.hiddenDropout()));
        TextEncoder encoder = layout.encoder(weights, embeddings, sizes.maxPositions());
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
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        BertWeights.parameters(config),
                        weights,
                        encoder,
                        BertWeights.HEAD.of(head, weights),
                        BertWeights.HEAD.modules(head)));
    }
}
