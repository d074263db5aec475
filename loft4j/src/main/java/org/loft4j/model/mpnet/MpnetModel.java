package org.loft4j.model.mpnet;

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
import org.loft4j.nn.RelativeBias;
import org.loft4j.nn.Task;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * MPNet as a classifier of texts or of tokens; Song et al. 2020 (arXiv:2004.09297). RoBERTa's encoder and head without token types,
 * and a bias of distances in all layers beside the positions ({@link RelativeBias}).
 */
public final class MpnetModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "mpnet";

    public static final List<Task> TASKS =
            List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private MpnetModel() {}

    /**
     * Reads a model from a checkpoint; a head that it lacks is made anew from the seed.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor of the encoder is missing or has the wrong shape
     */
    public static EncoderModel open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        MpnetConfig config = MpnetConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(config, MpnetWeights.read(source, config, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderModel random(JsonObject json, ModelOptions options) throws CheckpointException {
        MpnetConfig config = MpnetConfig.from(json, options);
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    config,
                    MpnetWeights.parameters(config).random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderModel assemble(
            MpnetConfig config, Weights weights, ModelOptions options, @Nullable Path directory) {
        EncoderConfig sizes = config.encoder();
        HeadConfig head = config.head();
        BertLayout layout = MpnetWeights.layout(config);
        TokenEmbeddings embeddings = layout.embeddings(
                weights,
                new TokenEmbeddings.Settings(MpnetConfig.PAD_ID + 1, MpnetConfig.PAD_ID, sizes.hiddenDropout()));
        RelativeBias relative = new RelativeBias(weights.get(MpnetWeights.DISTANCES));
        TextEncoder encoder = layout.encoder(weights, embeddings, relative, config.longest());
        ModelDescription description = new ModelDescription(
                FAMILY,
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
                        MpnetWeights.parameters(config),
                        weights,
                        encoder,
                        DenseHead.of(head, weights, Activation.TANH),
                        DenseHead.modules(head)));
    }
}
