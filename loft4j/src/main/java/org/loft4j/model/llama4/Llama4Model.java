package org.loft4j.model.llama4;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * Llama 4, the language model alone, be it the whole or beside a vision tower; Meta 2025, as Transformers has it. Where there is a
 * tower, the names are those of a model of its own: the class of Transformers for causal language models opens such a checkpoint
 * without it.
 */
public final class Llama4Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "llama4_text";

    /** The same of a checkpoint with a vision tower. */
    public static final String WITH_VISION = "llama4";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Llama4Model() {}

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
        Llama4Config config = Llama4Config.from(json);
        DecoderLayout layout = DecoderLayout.around(new Llama4Blocks(config)).with(DecoderLayout.Trait.BESIDE_TOWER);
        return DecoderAssembly.of(json.requireString("model_type"), layout, config.sizes(), config.placement())
                .withClassifierDropout(config.classifierDropout());
    }
}
