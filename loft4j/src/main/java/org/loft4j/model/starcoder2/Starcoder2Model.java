package org.loft4j.model.starcoder2;

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

/** StarCoder 2; Lozhkov et al. 2024 (arXiv:2402.19173), section 6.1. */
public final class Starcoder2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "starcoder2";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private static final LayerNormBlocks.Names NAMES = new LayerNormBlocks.Names(
            DecoderFrame.LLAMA.withNorm("norm", true),
            "post_attention_layernorm",
            null,
            "self_attn.o_proj",
            "mlp.c_fc",
            "mlp.c_proj");

    private Starcoder2Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Starcoder2Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Starcoder2Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Starcoder2Config config) {
        DecoderConfig sizes = config.sizes();
        LayerNormBlocks blocks =
                new LayerNormBlocks(NAMES, sizes, false, config.bias(), config.bias(), false, config.residualDropout());
        return blocks.assembly(
                FAMILY,
                new Placement(config.rope(), config.slidingWindow()),
                config.embeddingDropout(),
                config.classifierDropout());
    }
}
