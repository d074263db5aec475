package org.loft4j.model.ernie;

import java.util.Collections;
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

/** ERNIE 4.5, the dense one (0.3B); Baidu ERNIE Team 2025, ERNIE 4.5 Technical Report. */
public final class Ernie45Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "ernie4_5";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Ernie45Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Ernie45Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Ernie45Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Ernie45Config config) {
        return DecoderAssembly.of(
                        FAMILY,
                        DecoderLayout.LLAMA.withBiases(config.bias(), config.bias(), config.bias()),
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)))
                .withClassifierDropout(config.classifierDropout());
    }
}
