package org.loft4j.model.mistral;

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
 * Mistral; Jiang et al. 2023 (arXiv:2310.06825): Llama with a sliding window. Ministral is the same with a list of the layers
 * that have it, and what Transformers makes of a Mistral with such a list when it saves one.
 */
public final class MistralModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "mistral";

    /** The other. */
    public static final String MINISTRAL = "ministral";

    /** Ministral 3 without its vision tower. */
    public static final String MINISTRAL3 = "ministral3";

    /** That of a checkpoint with a vision tower: Mistral Small 3.1 and Ministral 3. */
    public static final String WITH_VISION = "mistral3";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private MistralModel() {}

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
        MistralConfig config = MistralConfig.from(json);
        List<Placement> placement = config.windows().stream()
                .map(window -> new Placement(config.rope(), window))
                .toList();
        DecoderLayout layout = MistralConfig.isInside(json) ? DecoderLayout.LLAMA.inside() : DecoderLayout.LLAMA;
        return DecoderAssembly.of(json.requireString("model_type"), layout, config.sizes(), placement)
                .withClassifierDropout(config.classifierDropout());
    }
}
