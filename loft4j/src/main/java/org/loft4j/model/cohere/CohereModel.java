package org.loft4j.model.cohere;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BlockNorms;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.DecoderLayout.Trait;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * Cohere (Command R and R+, Aya) and Cohere 2 (Command R7B and Command A; Cohere 2025, arXiv:2504.00698, section 2). Attention and
 * feed-forward read one norm and are added up, as GPT-J has them.
 */
public final class CohereModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "cohere";

    /** The other. */
    public static final String SECOND = "cohere2";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private CohereModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(JsonObject json) throws CheckpointException {
        CohereConfig config = CohereConfig.from(json);
        DecoderConfig sizes = config.sizes();
        DecoderLayout layout = DecoderLayout.LLAMA
                .with(Trait.CENTRED_NORMS)
                .withNorms(BlockNorms.ONE_FOR_BOTH)
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(config.queryKeyNorm() ? QueryKeyNorms.HEAD_BY_HEAD : QueryKeyNorms.NONE);
        return new DecoderAssembly(
                json.requireString("model_type"),
                layout,
                sizes,
                new DecoderAttention.Shape(
                        sizes.headDim(), 1 / Math.sqrt(sizes.headDim()), 0, sizes.attentionDropout()),
                type -> 1,
                1,
                new LogitScale(1 / config.logitScale(), 0),
                0,
                0,
                config.classifierDropout(),
                config.placement());
    }
}
