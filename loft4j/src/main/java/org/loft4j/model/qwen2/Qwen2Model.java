package org.loft4j.model.qwen2;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QwenTower;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Qwen2; Yang et al. 2024 (arXiv:2407.10671): Llama with biases on queries, keys and values. */
public final class Qwen2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "qwen2";

    /** That of a checkpoint with a vision tower: Qwen2-VL, of which the language model is the same. */
    public static final String WITH_VISION = "qwen2_vl";

    /** And Qwen2.5-VL. */
    public static final String WITH_VISION_25 = "qwen2_5_vl";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Qwen2Model() {}

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
        Qwen2Config config = Qwen2Config.from(json);
        DecoderLayout alone = DecoderLayout.LLAMA.withBiases(true, false, false);
        DecoderLayout layout = QwenTower.holdsFamilyAlone(json) ? alone.inside() : alone;
        List<Placement> placement = config.windows().stream()
                .map(window -> new Placement(config.rope(), window))
                .toList();
        return DecoderAssembly.of(json.requireString("model_type"), layout, config.sizes(), placement)
                .withClassifierDropout(config.classifierDropout());
    }
}
