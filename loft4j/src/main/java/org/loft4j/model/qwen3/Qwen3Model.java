package org.loft4j.model.qwen3;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QwenTower;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Qwen3; Yang et al. 2025 (arXiv:2505.09388): Llama with a norm on each head of queries and keys. */
public final class Qwen3Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "qwen3";

    /** That of a checkpoint with a vision tower: Qwen3-VL, of which the language model is the same. */
    public static final String WITH_VISION = "qwen3_vl";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Qwen3Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(JsonObject json) throws CheckpointException {
        Qwen3Config config = Qwen3Config.from(json);
        boolean inside = QwenTower.holdsFamilyAlone(json);
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(QueryKeyNorms.EACH_HEAD);
        List<Placement> placement = config.windows().stream()
                .map(window -> new Placement(config.rope(), window))
                .toList();
        return DecoderAssembly.of(
                        inside ? WITH_VISION : FAMILY, inside ? layout.inside() : layout, config.sizes(), placement)
                .withClassifierDropout(config.classifierDropout());
    }
}
