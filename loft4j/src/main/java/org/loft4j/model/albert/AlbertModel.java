package org.loft4j.model.albert;

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
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * ALBERT as a classifier of texts or of tokens, or for sentence embeddings; Lan et al. 2019 (arXiv:1909.11942). BERT's encoder behind
 * embeddings that are narrower, whose layers share one set of weights, or a few (section 3.1): a text goes through a matrix more than
 * once, and its gradient is the sum of what is found each time.
 */
public final class AlbertModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "albert";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private AlbertModel() {}

    /**
     * Reads a model from a checkpoint; a pooler or classifier that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        AlbertConfig config = AlbertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            AlbertConfig settled = AlbertWeights.settlePooling(config, source);
            return assemble(settled, AlbertWeights.read(source, settled, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device; AUTO pooling means a pooler. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        AlbertConfig config = AlbertConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            AlbertConfig settled = config.withHead(PoolerHead.settled(config.head()));
            return assemble(
                    settled,
                    AlbertWeights.parameters(settled).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            AlbertConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        BertLayout layout = AlbertWeights.layout(config);
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
        return new EncoderModel(
                description,
                new EncoderModel.Parts(
                        head.task(),
                        AlbertWeights.parameters(config),
                        weights,
                        layout.encoder(weights, embeddings, sizes.maxPositions()),
                        AlbertWeights.HEAD.of(head, weights),
                        AlbertWeights.HEAD.modules(head)));
    }
}
