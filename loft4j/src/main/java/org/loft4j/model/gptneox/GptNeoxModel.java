package org.loft4j.model.gptneox;

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

/** GPT-NeoX; Black et al. 2022 (arXiv:2204.06745), section 2.1, as Pythia has it (Biderman et al. 2023, arXiv:2304.01373). */
public final class GptNeoxModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gpt_neox";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private static final LayerNormBlocks.Names NAMES = new LayerNormBlocks.Names(
            new DecoderFrame("gpt_neox.", "embed_in", "final_layer_norm", true, "embed_out", false, "classifier", true),
            "post_attention_layernorm",
            "attention.query_key_value",
            "attention.dense",
            "mlp.dense_h_to_4h",
            "mlp.dense_4h_to_h");

    private GptNeoxModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(GptNeoxConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(GptNeoxConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(GptNeoxConfig config) {
        DecoderConfig sizes = config.sizes();
        LayerNormBlocks blocks = new LayerNormBlocks(
                NAMES, sizes, config.parallel(), config.attentionBias(), true, false, config.hiddenDropout());
        return blocks.assembly(
                FAMILY, new Placement(config.rope(), 0), config.hiddenDropout(), config.classifierDropout());
    }
}
