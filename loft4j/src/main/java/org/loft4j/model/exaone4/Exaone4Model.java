package org.loft4j.model.exaone4;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BlockNorms;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** EXAONE 4.0; LG AI Research 2025 (arXiv:2507.11407), section 2.1. */
public final class Exaone4Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "exaone4";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Exaone4Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Exaone4Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Exaone4Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Exaone4Config config) {
        DecoderLayout layout =
                DecoderLayout.LLAMA.withNorms(BlockNorms.BEHIND).withQueryKeyNorms(QueryKeyNorms.EACH_HEAD);
        return DecoderAssembly.of(FAMILY, layout, config.sizes(), config.placement())
                .withClassifierDropout(config.classifierDropout());
    }
}
