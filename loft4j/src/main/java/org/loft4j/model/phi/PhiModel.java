package org.loft4j.model.phi;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.LayerNormBlocks;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Phi-1, Phi-1.5 and Phi-2; Gunasekar et al. 2023 (arXiv:2306.11644), section 2.3, and Li et al. 2023 (arXiv:2309.05463). */
public final class PhiModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "phi";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private static final LayerNormBlocks.Names NAMES = new LayerNormBlocks.Names(
            DecoderFrame.LLAMA.withNorm("final_layernorm", true).withOutputBias(),
            null,
            null,
            "self_attn.dense",
            "mlp.fc1",
            "mlp.fc2");

    private PhiModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(PhiConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(PhiConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(PhiConfig config) {
        DecoderConfig sizes = config.sizes();
        LayerNormBlocks blocks =
                new LayerNormBlocks(NAMES, sizes, true, true, true, config.headNorms(), config.residualDropout());
        return blocks.assembly(
                FAMILY, new Placement(config.rope(), 0), config.embeddingDropout(), config.classifierDropout());
    }
}
