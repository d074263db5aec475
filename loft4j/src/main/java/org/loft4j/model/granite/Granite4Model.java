package org.loft4j.model.granite;

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
 * Granite 4: Granite 3 with gate and up in one matrix, and in the hybrid ones a state space
 * ({@link org.loft4j.nn.StateSpace}) for attention in most blocks; dense, or with mixtures of
 * experts beside the feed-forward part of all tokens.
 */
public final class Granite4Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "granitemoehybrid";

    public static final List<Task> TASKS = GraniteModel.TASKS;

    private Granite4Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Granite4Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Granite4Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Granite4Config config) {
        return config.multipliers()
                .assembly(
                        FAMILY,
                        DecoderLayout.around(new Granite4Blocks(config)),
                        config.sizes(),
                        config.classifierDropout(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)));
    }
}
