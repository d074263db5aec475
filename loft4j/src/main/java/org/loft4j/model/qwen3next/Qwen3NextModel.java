package org.loft4j.model.qwen3next;

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
 * Qwen3-Next: Qwen3 with linear attention in three of four blocks ({@link org.loft4j.nn.GatedDeltaNet}), attention whose output is
 * gated in the fourth, and mixtures with an expert of all tokens. Equations are those of Transformers' {@code modeling_qwen3_next}.
 */
public final class Qwen3NextModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "qwen3_next";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Qwen3NextModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Qwen3NextConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Qwen3NextConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Qwen3NextConfig config) {
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(QueryKeyNorms.EACH_HEAD)
                .with(DecoderLayout.Trait.NORMS_LESS_ONE, DecoderLayout.Trait.BESIDE_TOWER)
                .withLinearAttention(config.linear())
                .withExperts(config.experts());
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)))
                .withClassifierDropout(config.classifierDropout());
    }
}
