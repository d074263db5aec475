package org.loft4j.model.lfm2;

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

/**
 * LFM2, dense; Liquid AI 2025 (arXiv:2511.23404): most blocks have a short convolution between gates
 * ({@link org.loft4j.nn.GatedConvolution}), the others attention with a norm on each head of queries and keys.
 */
public final class Lfm2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "lfm2";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Lfm2Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Lfm2Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Lfm2Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Lfm2Config config) {
        return DecoderAssembly.of(
                        FAMILY,
                        DecoderLayout.around(new Lfm2Blocks(config)),
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)))
                .withClassifierDropout(config.classifierDropout());
    }
}
