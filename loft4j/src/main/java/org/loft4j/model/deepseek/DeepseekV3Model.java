package org.loft4j.model.deepseek;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * DeepSeek V3 and R1 and what has their shape, DeepSeek V2 and GLM-4.7-Flash: latent attention ({@link org.loft4j.nn.HeadProjection.Latent})
 * and experts that are scored one by one, or by their probabilities; DeepSeek-AI 2024 (arXiv:2412.19437), section 2.1.
 */
public final class DeepseekV3Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "deepseek_v3";

    /** That of DeepSeek V2; DeepSeek-AI 2024 (arXiv:2405.04434), sections 2.1 and 2.2. */
    public static final String SECOND = "deepseek_v2";

    /** That of GLM-4.7-Flash. */
    public static final String GLM_LITE = "glm4_moe_lite";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private DeepseekV3Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(DeepseekV3Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(DeepseekV3Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(DeepseekV3Config config) {
        DecoderConfig sizes = config.sizes();
        return new DecoderAssembly(
                config.family(),
                DecoderLayout.around(new LatentBlocks(config)).withExperts(config.experts()),
                sizes,
                new DecoderAttention.Shape(config.heads().headDim(), config.scale(), 0, sizes.attentionDropout()),
                type -> 1,
                1,
                LogitScale.NONE,
                0,
                0,
                config.classifierDropout(),
                Collections.nCopies(sizes.layers(), new Placement(config.rope(), 0)));
    }
}
