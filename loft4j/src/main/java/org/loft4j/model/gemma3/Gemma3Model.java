package org.loft4j.model.gemma3;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Tensors;

/** Gemma 3, the language model alone, be it the whole or beside a vision tower; Gemma Team 2025 (arXiv:2503.19786), section 2. */
public final class Gemma3Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gemma3_text";

    /** The same of a checkpoint with a vision tower. */
    public static final String WITH_VISION = "gemma3";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Gemma3Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json, options.task()).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json, options.task()).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(JsonObject json, Task task) throws CheckpointException {
        Gemma3Config config = Gemma3Config.from(json);
        if (config.bothSides() && task == Task.CAUSAL_LM) {
            throw new ConfigException(
                    ConfigKeys.BOTH_SIDES + " is true: a model whose tokens see those behind them does"
                            + " not write, use it for " + Task.SENTENCE_EMBEDDING.word() + " or "
                            + Task.SEQUENCE_CLASSIFICATION.word());
        }
        boolean inside = Gemma3Config.isInside(json);
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(QueryKeyNorms.EACH_HEAD)
                .withGemmaNorms();
        DecoderConfig sizes = config.sizes();
        DecoderAttention.Shape attention = new DecoderAttention.Shape(
                sizes.headDim(), 1 / Math.sqrt(config.queryPreAttnScalar()), 0, sizes.attentionDropout());
        return new DecoderAssembly(
                inside ? WITH_VISION : FAMILY,
                inside ? layout.inside() : layout,
                sizes,
                attention,
                type -> Tensors.rounded(Math.sqrt(sizes.hiddenSize()), type),
                1,
                new LogitScale(1, config.finalLogitSoftcapping()),
                0,
                0,
                config.classifierDropout(),
                config.placement());
    }
}
