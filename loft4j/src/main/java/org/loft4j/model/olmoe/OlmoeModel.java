package org.loft4j.model.olmoe;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * OLMoE; Muennighoff et al. 2024 (arXiv:2409.02060), section 2: Llama with norms over all heads of queries and keys, and a
 * mixture of experts in each block.
 */
public final class OlmoeModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "olmoe";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private OlmoeModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(OlmoeConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(OlmoeConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(OlmoeConfig config) {
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(QueryKeyNorms.ALL_HEADS)
                .withExperts(config.experts());
        Placement placement = new Placement(config.rope(), 0);
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), placement))
                .withClassifierDropout(config.classifierDropout());
    }
}
