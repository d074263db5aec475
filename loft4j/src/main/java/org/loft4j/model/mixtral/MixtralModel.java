package org.loft4j.model.mixtral;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Mixtral; Jiang et al. 2024 (arXiv:2401.04088): Mistral with a mixture of experts in each block. */
public final class MixtralModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "mixtral";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private MixtralModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(MixtralConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(MixtralConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(MixtralConfig config) {
        DecoderLayout layout = DecoderLayout.LLAMA.withExperts(config.experts());
        Placement placement = new Placement(config.rope(), config.window());
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), placement))
                .withClassifierDropout(config.classifierDropout());
    }
}
