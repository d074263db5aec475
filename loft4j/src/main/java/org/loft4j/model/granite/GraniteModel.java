package org.loft4j.model.granite;

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

/**
 * Granite 3: Llama with {@link Multipliers}; dense, or with mixtures of experts (1B-A400M and 3B-A800M).
 */
public final class GraniteModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "granite";

    /** That of one with mixtures of experts. */
    public static final String MIXTURE = "granitemoe";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private GraniteModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(GraniteConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(GraniteConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(GraniteConfig config) {
        DecoderLayout layout =
                DecoderLayout.LLAMA.withBiases(config.attentionBias(), config.attentionBias(), config.mlpBias());
        GraniteExperts experts = config.experts();
        return config.multipliers()
                .assembly(
                        experts == null ? FAMILY : MIXTURE,
                        experts == null ? layout : layout.withExperts(experts),
                        config.sizes(),
                        config.classifierDropout(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)));
    }
}
