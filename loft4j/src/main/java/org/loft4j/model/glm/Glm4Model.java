package org.loft4j.model.glm;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BlockNorms;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.DecoderLayout.Trait;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** GLM-4-0414 (9B and 32B), GLM-Z1 and GLM-4-32B-Base; GLM Team 2024 (arXiv:2406.12793), with a norm behind each part too. */
public final class Glm4Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "glm4";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Glm4Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Glm4Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Glm4Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Glm4Config config) {
        DecoderLayout layout = DecoderLayout.LLAMA
                .with(Trait.FUSED_GATE)
                .withBiases(config.attentionBias(), false, false)
                .withNorms(BlockNorms.AROUND_OF_GLM);
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)))
                .withClassifierDropout(config.classifierDropout());
    }
}
