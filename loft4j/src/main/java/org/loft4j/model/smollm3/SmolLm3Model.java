package org.loft4j.model.smollm3;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** SmolLM3: Llama of which some blocks do not rotate (Yang et al. 2025, arXiv:2501.18795). */
public final class SmolLm3Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "smollm3";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private SmolLm3Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(SmolLm3Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(SmolLm3Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(SmolLm3Config config) {
        DecoderLayout layout =
                DecoderLayout.LLAMA.withBiases(config.attentionBias(), config.attentionBias(), config.mlpBias());
        return DecoderAssembly.of(FAMILY, layout, config.sizes(), config.placement())
                .withClassifierDropout(config.classifierDropout());
    }
}
